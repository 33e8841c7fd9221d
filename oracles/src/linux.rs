//! Linux' own description of SVM, `arch/x86/include/asm/svm.h`, against `amd-svm`.
//!
//! The C compiler works the kernel's side out of `oracles/linux/facts.c`; the other is Rust's.

mod ours;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::package;
use wdk_linux::host::process::{self, QUERY_LIMIT};
use wdk_linux::host::step;
use xtask::needs::{self, linux_headers};

use self::ours::ours;
use crate::Verdict;

/// Asks the headers of the newest kernel that has some here.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    package::ensure(&[needs::C_COMPILER, needs::LINUX_HEADERS])?;
    let headers = linux_headers().context("Linux' headers are not installed")?;
    let theirs = step("the VMCB in C", |_| {
        facts(workspace, &headers.join("svm.h"), &headers)
    })?;
    Ok(compare(&ours(), &theirs))
}

/// What the compiler makes of one `svm.h` and of what else the kernel's headers say of SVM.
fn facts(workspace: &Workspace, svm: &Path, headers: &Path) -> Result<BTreeMap<String, u64>> {
    let folder = workspace.root().join("oracles/linux");
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
    use wdk_linux::host::workspace::read_text;

    /// The facts that are violated once `from` stands as `to` in the header.
    fn violated(case: &str, from: &str, to: &str) -> Vec<String> {
        let workspace = Workspace::locate().unwrap();
        let headers = linux_headers().unwrap();
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
