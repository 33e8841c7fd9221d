//! Linux' own description of SVM, `arch/x86/include/asm/svm.h`, against `amd-svm`.
//!
//! The C compiler works the kernel's side out of `xtask/linux/facts.c`; the other is Rust's.

mod ours;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use self::ours::ours;
use super::Verdict;
use crate::machine::package;
use crate::process::{self, QUERY_LIMIT};
use crate::step::step;
use crate::workspace::Workspace;

/// Asks the headers of the newest kernel that has some here.
pub fn ask(workspace: &Workspace) -> Result<Verdict> {
    package::ensure(&[package::C_COMPILER, package::LINUX_HEADERS])?;
    let headers = headers().context("Linux' headers are not installed")?;
    let theirs = step("the VMCB in C", |_| {
        facts(workspace, &headers.join("svm.h"), &headers)
    })?;
    Ok(compare(&ours(), &theirs))
}

/// The folder with `svm.h`, of the newest kernel whose headers are installed.
pub fn headers() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = Path::new("/usr/src")
        .read_dir()
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("arch/x86/include/asm")))
        .filter(|folder| folder.join("svm.h").is_file())
        .collect();
    folders.sort();
    folders.pop()
}

/// What the compiler makes of one `svm.h` and of what else the kernel's headers say of SVM.
fn facts(workspace: &Workspace, svm: &Path, headers: &Path) -> Result<BTreeMap<String, u64>> {
    let folder = workspace.root().join("xtask/linux");
    let exits = headers.join("../uapi/asm/svm.h");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-S", "-O1", "-w", "-nostdinc", "-o", "-", "-I"])
        .arg(folder.join("include"))
        .arg(format!("-DSVM_H=\"{}\"", svm.display()))
        .arg(format!(
            "-DMSR_INDEX_H=\"{}\"",
            headers.join("msr-index.h").display()
        ))
        .arg(format!("-DEXITS_H=\"{}\"", exits.display()))
        .arg(folder.join("facts.c"));
    let assembly = process::run(&mut compiler, QUERY_LIMIT)?.stdout;
    assembly
        .lines()
        .filter_map(|line| line.trim().strip_prefix("->")?.split_once(" $"))
        .map(|(name, value)| {
            let value = value.parse::<i64>().with_context(|| name.to_owned())?;
            Ok((name.to_owned(), value.cast_unsigned()))
        })
        .collect()
}

/// Every fact that either side has has to be the other's too.
fn compare(ours: &BTreeMap<String, u64>, theirs: &BTreeMap<String, u64>) -> Verdict {
    let mut verdict = Verdict::default();
    for (name, value) in ours {
        verdict.same(name, Some(value), theirs.get(name));
    }
    for name in theirs.keys().filter(|name| !ours.contains_key(*name)) {
        verdict.add(Some(format!("amd-svm has no {name}")));
    }
    verdict
}

/// Damage that the judge has to notice, in a copy of the kernel's header.
#[cfg(all(test, feature = "boot"))]
mod damage {
    use std::fs;

    use super::*;
    use crate::workspace::read_text;

    /// The facts that are violated once `from` stands as `to` in the header.
    fn violated(case: &str, from: &str, to: &str) -> Vec<String> {
        let workspace = Workspace::locate().unwrap();
        let headers = headers().unwrap();
        let good = read_text(&headers.join("svm.h")).unwrap();
        assert!(good.contains(from), "svm.h has no {from}");
        let damaged = workspace.target().join(format!("damage/{case}/svm.h"));
        fs::create_dir_all(damaged.parent().unwrap()).unwrap();
        fs::write(&damaged, good.replace(from, to)).unwrap();
        let theirs = facts(&workspace, &damaged, &headers).unwrap();
        compare(&ours(), &theirs).violations().to_vec()
    }

    #[test]
    fn one_bit_of_an_attribute_is_missed() {
        let found = violated(
            "attribute",
            "#define SVM_SELECTOR_DPL_MASK (3 <<",
            "#define SVM_SELECTOR_DPL_MASK (1 <<",
        );
        assert_eq!(found, ["attribute DPL: Some(96) instead of Some(32)"]);
    }

    #[test]
    fn two_registers_that_change_places_are_noticed() {
        let found = violated(
            "registers",
            "\tu64 star;\n\tu64 lstar;\n",
            "\tu64 lstar;\n\tu64 star;\n",
        );
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_wider_field_is_noticed_by_all_that_it_moves() {
        let found = violated(
            "width",
            "\tu16 attrib;\n\tu32 limit;",
            "\tu32 attrib;\n\tu16 limit;",
        );
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
