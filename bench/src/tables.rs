//! Figures as tables, for the terminal and for `docs/performance.md`.

use crate::cost::{Figures, PROCESSORS, limit};
use crate::demo::Times;
use crate::fleet;
use crate::peer::{self, WAYS};

/// Rows of words and numbers.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Table {
    /// What the columns are.
    pub headings: Vec<&'static str>,
    /// As many cells each as there are headings.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As Markdown has it, without an end of line behind the last row.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let headings: Vec<String> = self.headings.iter().map(ToString::to_string).collect();
        let rule = format!("|{}", "---|".repeat(self.headings.len()));
        let head = [line(&headings), rule];
        let rows = self.rows.iter().map(|row| line(row));
        head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }
}

/// What no driver can leave out that does as much as a DPC of svmsave's: how many of each there
/// are, and how many instructions each of them takes at least.
const INDISPENSABLE: [(&str, &str, u64); 9] = [
    (
        "RDMSR, each with its number loaded and two halves stored or tested",
        "14",
        56,
    ),
    ("WRMSR, each with number and two halves loaded", "2", 8),
    (
        "CPUID, each with a leaf loaded and an answer tested",
        "2",
        12,
    ),
    ("VMSAVE with its address", "1", 2),
    ("the 128 bytes, 16 at a time", "8", 16),
    ("selectors, read and stored", "4", 8),
    (
        "SGDT, and for each quadword of the GDT a bound, a load and a store",
        "1 + 4",
        17,
    ),
    ("interrupts off and on, arrival", "3", 3),
    ("time stamps, read and kept", "8", 16),
];

/// How many instructions that is in all.
pub(crate) fn indispensable_sum() -> u64 {
    INDISPENSABLE.iter().map(|(_, _, least)| least).sum()
}

/// The parts of a DPC, in the order of their execution.
pub(crate) fn parts(figures: &Figures) -> Table {
    const PARTS: [(&str, &str, &str); 9] = [
        (
            "entry",
            "dpc.entry",
            "saved registers, who else is to be queued, SGDT",
        ),
        ("support check", "dpc.support_check", "2 CPUID and VM_CR"),
        (
            "barrier",
            "dpc.barrier",
            "being there, seeing that all are; interrupts off",
        ),
        (
            "SVME on",
            "dpc.svme",
            "EFER; with SVME, written and read back",
        ),
        (
            "VMSAVE",
            "dpc.vmsave",
            "the instruction, under its exception frame",
        ),
        ("EFER as found", "dpc.restore", "written and read back"),
        ("record", "dpc.copy", "128 bytes from the VMCB to the reply"),
        (
            "the same without VMSAVE",
            "dpc.witness",
            "10 registers, 4 selectors, 4 quadwords of the GDT",
        ),
        (
            "exit",
            "dpc.exit",
            "interrupts on, arrival, the event if it was the last",
        ),
    ];
    const SUMS: [(&str, &str); 2] = [
        ("DPC", "dpc"),
        ("support check, SVME, VMSAVE, EFER", "dpc.vmsave_alone"),
    ];
    let parts =
        PARTS.map(|(part, name, what)| vec![part.to_owned(), cell(figures, name), what.to_owned()]);
    let sums = SUMS.map(|(part, name)| {
        let most = limit(name).map(|limit| format!("at most {}", grouped(limit)));
        vec![
            part.to_owned(),
            cell(figures, name),
            most.unwrap_or_default(),
        ]
    });
    Table {
        headings: vec!["part", "instructions", "what it is"],
        rows: parts.into_iter().chain(sums).collect(),
    }
}

/// What cannot be left out.
pub(crate) fn indispensable() -> Table {
    let rows = INDISPENSABLE.iter();
    let rows = rows
        .map(|(what, count, least)| vec![(*what).to_owned(), (*count).to_owned(), grouped(*least)]);
    let sum = vec![
        "all of it".to_owned(),
        String::new(),
        grouped(indispensable_sum()),
    ];
    Table {
        headings: vec!["instructions", "count", "at least"],
        rows: rows.chain([sum]).collect(),
    }
}

/// Snapshots, by the number of processors.
pub(crate) fn snapshots(figures: &Figures) -> Table {
    const COLUMNS: [(&str, &str); 9] = [
        ("system calls", "requests"),
        ("interrupts", "interrupts"),
        ("DPCs", "dpcs"),
        ("caller", "caller"),
        ("all processors", "total"),
        ("critical path", "critical_path"),
        ("skew", "skew"),
        ("bytes held", "memory"),
        ("pages written", "pages"),
    ];
    by_processors(figures, &COLUMNS)
}

/// Snapshots, by what the whole machine executes: the system's part is in it.
pub(crate) fn machine(figures: &Figures) -> Table {
    const COLUMNS: [(&str, &str); 2] = [("whole machine", "machine"), ("its skew", "machine_skew")];
    by_processors(figures, &COLUMNS)
}

/// What does not depend on processors.
pub(crate) fn sizes(figures: &Figures) -> Table {
    const FILES: [(&str, &str); 2] = [
        ("svmsave.sys", "size.svmsave.sys"),
        ("client.exe", "size.client.exe"),
    ];
    let rows = FILES.map(|(file, name)| vec![file.to_owned(), cell(figures, name)]);
    Table {
        headings: vec!["file", "bytes"],
        rows: rows.into(),
    }
}

/// How long the demo takes, and where that was.
pub(crate) fn demo(times: &Times) -> Table {
    let rows = [
        ("from nothing", seconds(times.cold_milliseconds)),
        ("again", seconds(times.warm_milliseconds)),
        ("processors", grouped(times.processors)),
        ("system", times.system.clone()),
    ];
    Table {
        headings: vec!["`cargo xtask demo`", "took"],
        rows: rows
            .map(|(what, value)| vec![what.to_owned(), value])
            .into(),
    }
}

/// What a fleet takes.
pub(crate) fn fleet(figures: &fleet::Figures) -> Table {
    let rows = [
        ("machines", grouped(figures.machines.into())),
        ("processors of each", grouped(figures.processors.into())),
        (
            "machines that `client check` judges in a second, on one processor",
            grouped(figures.machines_per_second),
        ),
        ("memory of `client check`, MiB", grouped(figures.memory_mib)),
        (
            "the slowest query in DuckDB",
            seconds(figures.slowest_query_milliseconds),
        ),
    ];
    Table {
        headings: vec!["a fleet", "figure"],
        rows: rows
            .map(|(what, value)| vec![what.to_owned(), value])
            .into(),
    }
}

/// A snapshot beside Linux' ways of reading registers: for each number of processors a row for
/// each way, and how many times a snapshot's figure each figure is.
pub(crate) fn beside_the_peer(figures: &Figures) -> Table {
    let mut rows = Vec::new();
    for processors in peer::PROCESSORS {
        for (way, words) in WAYS {
            let mut row = vec![grouped(processors.into()), words.to_owned()];
            for quantity in ["cost", "set", "register"] {
                let of = |way: &str| figures.get(&format!("{way}.{quantity}.{processors}"));
                let (here, snapshot) = (of(way), of(peer::SNAPSHOT));
                row.push(here.copied().map_or_else(String::new, grouped));
                let ratio = here.zip(snapshot).filter(|_| way != peer::SNAPSHOT);
                let ratio = ratio.and_then(|(here, snapshot)| times(*here, *snapshot));
                row.push(ratio.unwrap_or_default());
            }
            rows.push(row);
        }
    }
    Table {
        headings: vec![
            "processors",
            "way",
            "instructions",
            "times",
            "skew of all registers",
            "times",
            "skew of one register",
            "times",
        ],
        rows,
    }
}

/// What was run beside each other.
pub(crate) fn versions(versions: &peer::Versions) -> Table {
    let rows = versions.iter();
    let rows = rows.map(|(what, version)| vec![what.clone(), version.clone()]);
    Table {
        headings: vec!["what", "version"],
        rows: rows.collect(),
    }
}

/// What a snapshot takes of the whole machine, as it was measured beside the peer.
pub(crate) fn snapshot_beside_the_peer(figures: &Figures) -> Table {
    let rows = peer::PROCESSORS.iter().map(|processors| {
        let cells = ["cost", "set"].iter();
        let cells = cells.map(|quantity| {
            cell(
                figures,
                &format!("{}.{quantity}.{processors}", peer::SNAPSHOT),
            )
        });
        [processors.to_string()].into_iter().chain(cells).collect()
    });
    Table {
        headings: vec!["processors", "snapshot", "skew"],
        rows: rows.collect(),
    }
}

/// How many times a number another is, rounded down: in tenths below ten. Nothing if that cannot
/// be said.
pub(crate) fn times(number: u64, of: u64) -> Option<String> {
    let tenths = (number * 10).checked_div(of)?;
    Some(if tenths < 100 {
        format!("{}.{}", tenths / 10, tenths % 10)
    } else {
        grouped(tenths / 10)
    })
}

/// Milliseconds as seconds, rounded up: in tenths below ten.
fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds.div_ceil(100);
    if tenths < 100 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else {
        format!("{} s", grouped(tenths.div_ceil(10)))
    }
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A row for each number of processors, a column for each figure.
fn by_processors(figures: &Figures, columns: &[(&'static str, &str)]) -> Table {
    let headings = columns.iter().map(|(heading, _)| *heading);
    let rows = PROCESSORS.iter().map(|processors| {
        let cells = columns.iter();
        let cells = cells.map(|(_, name)| cell(figures, &format!("{name}.{processors}")));
        [processors.to_string()].into_iter().chain(cells).collect()
    });
    Table {
        headings: ["processors"].into_iter().chain(headings).collect(),
        rows: rows.collect(),
    }
}

fn cell(figures: &Figures, name: &str) -> String {
    figures.get(name).copied().map_or_else(String::new, grouped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 999, 1000, 20651, 1_008_742];
        let grouped = numbers.map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "20,651", "1,008,742"]);
    }

    #[test]
    fn ratios_are_rounded_down_and_nothing_is_no_divisor() {
        assert_eq!(times(169, 100).as_deref(), Some("1.6"));
        assert_eq!(times(1999, 100).as_deref(), Some("19"));
        assert_eq!(times(0, 100).as_deref(), Some("0.0"));
        assert_eq!(times(5, 0), None);
    }

    #[test]
    fn times_are_rounded_up() {
        let times = [0, 1600, 1601, 9900, 9901, 149_001].map(seconds);
        assert_eq!(times, ["0.0 s", "1.6 s", "1.7 s", "9.9 s", "10 s", "150 s"]);
    }

    #[test]
    fn a_table_is_a_head_a_rule_and_rows() {
        let table = Table {
            headings: vec!["what", "how many"],
            rows: vec![vec!["DPCs".to_owned(), "8".to_owned()]],
        };
        let expected = "| what | how many |\n|---|---|\n| DPCs | 8 |";
        assert_eq!(table.markdown(), expected);
    }
}
