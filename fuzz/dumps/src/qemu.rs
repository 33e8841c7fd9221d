//! `info registers` of QEMU 8, of a guest in 64-bit code; `info registers -a` has it for each processor.
//!
//! Source: QEMU, `target/i386/cpu-dump.c`.

use std::fmt::Write as _;

use crate::{number, set};

/// A page as far as it is printed: of three registers the upper half is not.
pub fn shown(page: &mut [u8]) {
    for name in ["rflags", "cr0", "cr4"] {
        set(page, name, number(page, name) & 0xFFFF_FFFF);
    }
}

/// The text for a page of a processor, by its index.
///
/// # Panics
///
/// If it is no page of [`VMCB_SIZE`](amd_svm::vmcb::VMCB_SIZE) bytes.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn printed(page: &[u8], index: usize) -> String {
    let n = |name: &str| number(page, name);
    let mut text = format!("\nCPU#{index}\n");
    writeln!(
        text,
        "RAX={:016x} RBX={:016x} RCX={:016x} RDX={:016x}",
        n("rax"),
        0x1111,
        0x2222,
        0x3333
    )
    .expect("a string takes all");
    writeln!(
        text,
        "RSI={:016x} RDI={:016x} RBP={:016x} RSP={:016x}",
        1,
        2,
        3,
        n("rsp")
    )
    .expect("a string takes all");
    writeln!(
        text,
        "R8 ={:016x} R9 ={:016x} R10={:016x} R11={:016x}",
        8, 9, 10, 11
    )
    .expect("a string takes all");
    writeln!(
        text,
        "RIP={:016x} RFL={:08x} [---Z-P-] CPL={} II=0 A20=1 SMM=0 HLT=0",
        n("rip"),
        n("rflags"),
        n("cpl")
    )
    .expect("a string takes all");
    for (name, segment) in [
        ("ES", "es"),
        ("CS", "cs"),
        ("SS", "ss"),
        ("DS", "ds"),
        ("FS", "fs"),
        ("GS", "gs"),
        ("LDT", "ldtr"),
        ("TR", "tr"),
    ] {
        let part = |part: &str| n(&format!("{segment}.{part}"));
        let attributes = part("attrib");
        let flags = (attributes & 0xFF) << 8 | (attributes & 0xF00) << 12;
        writeln!(
            text,
            "{name:<3}={:04x} {:016x} {:08x} {flags:08x} DPL=3 DS16 [-WA]",
            part("selector"),
            part("base"),
            part("limit")
        )
        .expect("a string takes all");
    }
    writeln!(
        text,
        "GDT=     {:016x} {:08x}",
        n("gdtr.base"),
        n("gdtr.limit")
    )
    .expect("a string takes all");
    writeln!(
        text,
        "IDT=     {:016x} {:08x}",
        n("idtr.base"),
        n("idtr.limit")
    )
    .expect("a string takes all");
    writeln!(
        text,
        "CR0={:08x} CR2={:016x} CR3={:016x} CR4={:08x}",
        n("cr0"),
        n("cr2"),
        n("cr3"),
        n("cr4")
    )
    .expect("a string takes all");
    writeln!(
        text,
        "DR0={:016x} DR1={:016x} DR2={:016x} DR3={:016x} ",
        1, 2, 3, 4
    )
    .expect("a string takes all");
    writeln!(text, "DR6={:016x} DR7={:016x}", n("dr6"), n("dr7")).expect("a string takes all");
    writeln!(text, "EFER={:016x}", n("efer")).expect("a string takes all");
    writeln!(text, "FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80").expect("a string takes all");
    writeln!(
        text,
        "FPR0=0707070707070707 403f FPR1=0000000000000000 0000"
    )
    .expect("a string takes all");
    writeln!(
        text,
        "XMM00=0000000000000001 0000000000000002 XMM01=0505050505050505 0606060606060606"
    )
    .expect("a string takes all");
    text
}
