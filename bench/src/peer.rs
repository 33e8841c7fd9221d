//! The peer, really run: Linux' own way of reading registers, `/dev/cpu/N/msr` and `rdmsr` of
//! msr-tools, beside a snapshot's, in the same QEMU, which counts the instructions of both.
//!
//! What boots Linux is a program of its own, `bench/peer/host`, which is built when it is asked for.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::{Workspace, step};
use xtask::check::Check;

use crate::committed;
use crate::cost::Figures;
use crate::cost::snapshot::Snapshot;

/// Keeps the committed comparison.
const FILE: &str = "peer.json";

/// The program that boots Linux, and its package.
const PROGRAM: &str = "bench-peer";

/// Numbers of processors.
pub(crate) const PROCESSORS: [u32; 4] = [1, 2, 8, 64];

/// The way that the others are compared with.
pub(crate) const SNAPSHOT: &str = "snapshot";

/// Ways of reading the registers, as figures name them and in words.
pub(crate) const WAYS: [(&str, &str); 4] = [
    (SNAPSHOT, "a snapshot"),
    ("lean", "one process, each file opened once"),
    ("in_process", "one process, doing what rdmsr -a does"),
    ("typed", "rdmsr -a, ten times"),
];

/// What the table leaves out, for its readers.
pub(crate) const NOT_SHOWN: &str = "\
Instructions are those of the whole machine, the system's included; beside them, how many times a
snapshot's they are, rounded down. A skew of Linux' ways is the least that it can be: from the end of the
system call or process that reads first to the beginning of the one that reads last. What is not shown:
* Snapshot and readers run on different kernels: the lab's, and Linux. Windows is a third.
* QEMU lets one processor go on at a time. Captures that a machine makes side by side follow each
  other here; the readers, who go from processor to processor anyway, lose nothing by that.
* The readers have ten registers of each processor. A snapshot reads these twice, by VMSAVE and by
  RDMSR, and has selectors, limits, attributes and descriptors beside them.
* A program with a thread on every processor could read them closer to each other; rdmsr is none.
* Instructions are not time: an interrupt to another processor is a few of them, and microseconds.";

/// Versions of what was run, by name.
pub(crate) type Versions = BTreeMap<String, String>;

/// What was run, and what it took.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Comparison {
    /// With which versions.
    pub versions: Versions,
    /// `WAY.QUANTITY.PROCESSORS`: `cost`, instructions of the whole machine; `set`, those between
    /// the first reading and the last; `register`, those between the readings of one register on
    /// the first processor and on the last.
    pub figures: Figures,
}

/// Runs everything.
///
/// # Errors
///
/// If something cannot be downloaded or built, or a machine does not get to its end.
pub(crate) fn measure(workspace: &Workspace, driver: &Path, kernel: &Path) -> Result<Comparison> {
    // What has to be downloaded comes first: if it cannot be, the rest is not waited for.
    let mut comparison = linux(workspace)?;
    for processors in PROCESSORS {
        let what = format!("a snapshot of {processors} processors");
        let snapshot = step(&what, |_| Snapshot::take(processors, kernel, driver))?;
        let figures = [
            ("cost", snapshot.lasted),
            ("set", snapshot.tsc_skew),
            ("register", snapshot.tsc_skew),
        ];
        let named = |(quantity, value)| (format!("{SNAPSHOT}.{quantity}.{processors}"), value);
        comparison.figures.extend(figures.map(named));
    }
    Ok(comparison)
}

/// Builds the program that boots Linux, and has it do so.
fn linux(workspace: &Workspace) -> Result<Comparison> {
    step(&format!("building {PROGRAM}"), |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--locked", "--package", PROGRAM]);
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    let program = workspace.target().join("debug").join(PROGRAM);
    let mut command = Command::new(&program);
    command.args(PROCESSORS.map(|processors| processors.to_string()));
    // It tells of its own steps, and has a limit for each.
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {}", program.display()))?;
    ensure!(
        output.status.success(),
        "nothing was measured: {PROGRAM} ended with {}, for the reason above",
        output.status
    );
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{PROGRAM} printed something else than figures"))
}

/// What `docs/performance.md` says of a comparison, held against one.
pub(crate) fn judge(comparison: &Comparison) -> Vec<Check> {
    let of = |way: &str, quantity: &str, processors: u32| {
        let name = format!("{way}.{quantity}.{processors}");
        comparison.figures.get(&name).copied()
    };
    let check = |rule, quantity: &str, processors: &[u32], factor: u64| {
        let against = processors.iter().filter_map(|processors| {
            let snapshot = of(SNAPSHOT, quantity, *processors);
            let lean = of("lean", quantity, *processors);
            let kept = snapshot
                .zip(lean)
                .is_some_and(|(own, lean)| own * factor < lean);
            (!kept).then(|| format!("{processors} processors: {snapshot:?}, against {lean:?}"))
        });
        let against: Vec<String> = against.collect();
        Check::new(rule, against.is_empty(), against.join("; "))
    };
    vec![
        check(
            "with more than one processor, a snapshot costs less than the leanest reader",
            "cost",
            &[2, 8, 64],
            1,
        ),
        check(
            "its registers are more than ten times closer to each other",
            "set",
            &[2, 8, 64],
            10,
        ),
        check(
            "with eight and more, they are closer than one register that is read alone",
            "register",
            &[8, 64],
            1,
        ),
    ]
}

/// The committed comparison.
///
/// # Errors
///
/// If there is none.
pub(crate) fn read(workspace: &Workspace) -> Result<Comparison> {
    committed::read(workspace, FILE)
}

/// Makes a comparison the committed one.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn write(workspace: &Workspace, comparison: &Comparison) -> Result<()> {
    committed::write(workspace, FILE, comparison)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_that_says_otherwise_fails_its_check() {
        let mut comparison = Comparison {
            versions: Versions::new(),
            figures: Figures::new(),
        };
        let judged = |comparison: &Comparison| {
            let checks = judge(comparison);
            let kept = checks.iter().map(|check| check.violation.is_none());
            kept.collect::<Vec<bool>>()
        };
        assert_eq!(judged(&comparison), [false; 3], "nothing was measured");
        for processors in PROCESSORS {
            for (way, value) in [(SNAPSHOT, 10), ("lean", 101)] {
                for quantity in ["cost", "set", "register"] {
                    let name = format!("{way}.{quantity}.{processors}");
                    comparison.figures.insert(name, value);
                }
            }
        }
        assert_eq!(judged(&comparison), [true; 3]);
        for (name, index) in [
            ("lean.cost.2", 0),
            ("lean.set.64", 1),
            ("lean.register.8", 2),
        ] {
            let was = comparison.figures.insert(name.to_owned(), 10);
            let mut expected = [true; 3];
            expected[index] = false;
            assert_eq!(judged(&comparison), expected, "{name}");
            comparison
                .figures
                .extend(was.map(|was| (name.to_owned(), was)));
        }
    }
}
