//! Figures in documents, which come from files: what `docs/performance.md` says is what
//! `bench/baseline.json` has.

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::workspace::read_text;
use xtask::check::Check;

use crate::cost::{Figures, baseline};

const DOCUMENT: &str = "docs/performance.md";

/// Rows of the table of a DPC's parts: how they begin, and the figure that follows.
const PARTS: [(&str, &str); 11] = [
    ("| entry |", "dpc.entry"),
    ("| gate |", "dpc.gate"),
    ("| meeting the others |", "dpc.meeting"),
    ("| SVME on |", "dpc.svme"),
    ("| VMSAVE |", "dpc.vmsave"),
    ("| EFER as found |", "dpc.restore"),
    ("| record |", "dpc.copy"),
    ("| the same without VMSAVE |", "dpc.witness"),
    ("| exit |", "dpc.exit"),
    ("| **DPC** |", "dpc"),
    ("| gate, SVME, VMSAVE, EFER |", "dpc.vmsave_alone"),
];

/// Columns of the table of snapshots, behind the number of processors.
const COLUMNS: [&str; 9] = [
    "requests",
    "interrupts",
    "dpcs",
    "caller",
    "total",
    "critical_path",
    "skew",
    "memory",
    "pages",
];

/// Rows of the table of snapshots.
const PROCESSORS: [u32; 4] = [1, 8, 64, 255];

/// Files whose sizes the document tells, with thousands apart.
const SIZES: [&str; 2] = ["svmsave.sys", "client.exe"];

/// Compares every figure.
pub fn checks(workspace: &Workspace) -> Result<Vec<Check>> {
    let document = read_text(&workspace.root().join(DOCUMENT))?;
    let wrong = differences(&document, &baseline::read(workspace)?)?;
    Ok(vec![Check::new(
        "docs/performance.md says what bench/baseline.json has",
        wrong.is_empty(),
        wrong.join("; "),
    )])
}

/// What the document should say and does not.
fn differences(document: &str, figures: &Figures) -> Result<Vec<String>> {
    let of = |name: &str| {
        let figure = figures.get(name).copied();
        figure.with_context(|| format!("bench/baseline.json has no {name}"))
    };
    let mut expected = Vec::new();
    for (row, name) in PARTS {
        let bold = if row.contains("**") { "**" } else { "" };
        expected.push(format!("\n{row} {bold}{}{bold} |", of(name)?));
    }
    for processors in PROCESSORS {
        let mut row = format!("\n| {processors} |");
        for column in COLUMNS {
            let figure = of(&format!("{column}.{processors}"))?;
            row = format!("{row} {figure} |");
        }
        expected.push(row + "\n");
    }
    for file in SIZES {
        let size = with_thousands(of(&format!("size.{file}"))?);
        let verb = if file == SIZES[0] { " has" } else { "" };
        expected.push(format!("`{file}`{verb} {size}"));
    }
    expected.retain(|text| !document.contains(text));
    let texts = expected.iter().map(|text| text.trim().to_owned());
    Ok(texts.collect())
}

/// A number with a comma before each three digits but the first.
fn with_thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_digit_that_is_wrong_is_noticed_wherever_it_is() {
        let workspace = Workspace::locate().unwrap();
        let document = read_text(&workspace.root().join(DOCUMENT)).unwrap();
        let figures = baseline::read(&workspace).unwrap();
        assert_eq!(differences(&document, &figures).unwrap(), [""; 0]);
        let rows = PARTS.iter().map(|(_, name)| (*name).to_owned());
        let cells = PROCESSORS
            .iter()
            .flat_map(|processors| COLUMNS.map(|column| format!("{column}.{processors}")));
        let sizes = SIZES.map(|file| format!("size.{file}"));
        for name in rows.chain(cells).chain(sizes) {
            let mut wrong = figures.clone();
            *wrong.get_mut(&name).unwrap() += 1;
            assert_eq!(differences(&document, &wrong).unwrap().len(), 1, "{name}");
        }
    }

    #[test]
    fn thousands_are_apart() {
        let texts = [0, 999, 1000, 1_041_408].map(with_thousands);
        assert_eq!(texts, ["0", "999", "1,000", "1,041,408"]);
    }
}
