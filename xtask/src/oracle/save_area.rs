//! Linux' own description of SVM, `arch/x86/include/asm/svm.h`, against `amd-svm`.
//!
//! The C compiler works the kernel's side out of `xtask/linux/facts.c`; the other is Rust's.

use std::collections::BTreeMap;
use std::mem::offset_of;
use std::path::{Path, PathBuf};
use std::process::Command;

use amd_svm::msr::{Efer, Msr, VmCr};
use amd_svm::segment::{Segment, SegmentAttributes};
use amd_svm::vmcb::{SaveArea, SystemCallRegisters, Vmcb};
use anyhow::{Context as _, Result};

use super::Verdict;
use crate::machine::package;
use crate::process::{self, QUERY_LIMIT};
use crate::step::step;
use crate::workspace::Workspace;

/// Asks the headers of the newest kernel that has some here.
pub fn ask(workspace: &Workspace) -> Result<Verdict> {
    package::ensure(&[package::C_COMPILER, package::LINUX_HEADERS])?;
    let headers = headers().context("Linux' headers are not installed")?;
    let theirs = step("the save area in C", |_| {
        facts(
            workspace,
            &headers.join("svm.h"),
            &headers.join("msr-index.h"),
        )
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

/// What the compiler makes of the two headers.
fn facts(workspace: &Workspace, svm: &Path, msr: &Path) -> Result<BTreeMap<String, u64>> {
    let folder = workspace.root().join("xtask/linux");
    let mut compiler = Command::new("cc");
    compiler
        .args(["-S", "-O1", "-w", "-nostdinc", "-o", "-", "-I"])
        .arg(folder.join("include"))
        .arg(format!("-DSVM_H=\"{}\"", svm.display()))
        .arg(format!("-DMSR_INDEX_H=\"{}\"", msr.display()))
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

/// The same facts of `amd-svm`, by the names that `facts.c` gives them.
fn ours() -> BTreeMap<String, u64> {
    let mut facts = BTreeMap::new();
    for (name, offset) in save_area() {
        facts.insert(name.to_owned(), offset as u64);
    }
    for (name, number) in segment() {
        facts.insert(name.to_owned(), number as u64);
    }
    for (name, attributes) in attributes() {
        facts.insert(format!("attribute {name}"), u16::from(attributes).into());
    }
    for msr in Msr::ALL {
        facts.insert(format!("msr {}", name_in_linux(msr)), msr.number().into());
    }
    let bits = [
        ("EFER.SVME", Efer::new().with_svme(true).into()),
        ("VM_CR.SVMDIS", VmCr::new().with_svm_disable(true).into()),
        ("VM_CR.LOCK", VmCr::new().with_lock(true).into()),
    ];
    facts.extend(bits.map(|(name, bit)| (name.to_owned(), bit)));
    facts
}

fn save_area() -> impl Iterator<Item = (&'static str, usize)> {
    const SAVE: usize = offset_of!(Vmcb, save);
    const SYSTEM_CALL: usize = SAVE + offset_of!(SaveArea, system_call);
    let segments = [
        ("save", 0),
        ("save.es", offset_of!(SaveArea, es_to_ds)),
        ("save.fs", offset_of!(SaveArea, fs)),
        ("save.gs", offset_of!(SaveArea, gs)),
        ("save.gdtr", offset_of!(SaveArea, gdtr)),
        ("save.ldtr", offset_of!(SaveArea, ldtr)),
        ("save.idtr", offset_of!(SaveArea, idtr)),
        ("save.tr", offset_of!(SaveArea, tr)),
    ];
    let registers = [
        ("save.star", offset_of!(SystemCallRegisters, star)),
        ("save.lstar", offset_of!(SystemCallRegisters, lstar)),
        ("save.cstar", offset_of!(SystemCallRegisters, cstar)),
        ("save.sfmask", offset_of!(SystemCallRegisters, sfmask)),
        (
            "save.kernel_gs_base",
            offset_of!(SystemCallRegisters, kernel_gs_base),
        ),
        (
            "save.sysenter_cs",
            offset_of!(SystemCallRegisters, sysenter_cs),
        ),
        (
            "save.sysenter_esp",
            offset_of!(SystemCallRegisters, sysenter_esp),
        ),
        (
            "save.sysenter_eip",
            offset_of!(SystemCallRegisters, sysenter_eip),
        ),
        (
            "end of the system-call registers",
            size_of::<SystemCallRegisters>(),
        ),
    ];
    segments
        .into_iter()
        .map(|(name, offset)| (name, SAVE + offset))
        .chain(
            registers
                .into_iter()
                .map(|(name, offset)| (name, SYSTEM_CALL + offset)),
        )
}

fn segment() -> [(&'static str, usize); 9] {
    let segment = Segment::default();
    [
        ("size of a segment", size_of::<Segment>()),
        ("segment.selector", offset_of!(Segment, selector)),
        ("segment.attrib", offset_of!(Segment, attributes)),
        ("segment.limit", offset_of!(Segment, limit)),
        ("segment.base", offset_of!(Segment, base)),
        ("width of selector", size_of_val(&segment.selector)),
        ("width of attrib", size_of_val(&segment.attributes)),
        ("width of limit", size_of_val(&segment.limit)),
        ("width of base", size_of_val(&segment.base)),
    ]
}

fn attributes() -> [(&'static str, SegmentAttributes); 8] {
    let none = SegmentAttributes::new();
    [
        ("TYPE", none.with_segment_type(0xf)),
        ("S", none.with_code_or_data(true)),
        ("DPL", none.with_privilege_level(3)),
        ("P", none.with_present(true)),
        ("AVL", none.with_available(true)),
        ("L", none.with_long(true)),
        ("DB", none.with_default_big(true)),
        ("G", none.with_granularity(true)),
    ]
}

fn name_in_linux(msr: Msr) -> &'static str {
    match msr {
        Msr::SysenterCs => "IA32_SYSENTER_CS",
        Msr::SysenterEsp => "IA32_SYSENTER_ESP",
        Msr::SysenterEip => "IA32_SYSENTER_EIP",
        Msr::Efer => "EFER",
        Msr::Star => "STAR",
        Msr::Lstar => "LSTAR",
        Msr::Cstar => "CSTAR",
        Msr::Sfmask => "SYSCALL_MASK",
        Msr::FsBase => "FS_BASE",
        Msr::GsBase => "GS_BASE",
        Msr::KernelGsBase => "KERNEL_GS_BASE",
        Msr::VmCr => "VM_CR",
    }
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
        let theirs = facts(&workspace, &damaged, &headers.join("msr-index.h")).unwrap();
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
