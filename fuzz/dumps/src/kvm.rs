//! `dump_vmcb` of Linux 6.12, line by line, and in a kernel's log.
//!
//! Source: Linux, `arch/x86/kvm/svm/svm.c`.

use std::fmt::Write as _;

use crate::{SEGMENTS, number, set};

/// How many ways there are in which [`logged`] has a line.
pub const WAYS: usize = 5;

/// What an oops prints: registers too, and not the guest's.
const OOPS: &str = "\
[  912.104410] BUG: unable to handle page fault for address: ffffa0d2c0a3fff8
[  912.104410] RIP: 0010:svm_vcpu_run+0x41a/0x8a0 [kvm_amd]
[  912.104410] RSP: 0018:ffffa0d2c0a3fd80 EFLAGS: 00010046
[  912.104410] RAX: 0000000000000000 RBX: ffff9a3b4c6e0000 RCX: 00000000c0000102
[  912.104410] FS:  00007f1e2b7fe640(0000) GS:ffff9a4a7de00000(0000) knlGS:fffff8010e7c1000
[  912.104410] CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033
[  912.104410] CR2: ffffa0d2c0a3fff8 CR3: 000000010c5b2000 CR4: 0000000000750ee0
";

/// A page as far as it is printed: of two numbers the upper half is not, which is reserved in the one
/// and has no other value than zero in the other.
pub fn shown(page: &mut [u8]) {
    for (name, digits) in [("interrupt_shadow", 8), ("exit_code", 7)] {
        set(page, name, number(page, name) & ((1 << (4 * digits)) - 1));
    }
}

/// The lines in a kernel's log, in one of the [`WAYS`] in which logs reach a bug report, with other lines
/// between.
///
/// # Panics
///
/// Never: a string takes all.
#[must_use]
pub fn logged(lines: &[String], way: usize) -> String {
    let mut text = "[  912.000000] systemd[1]: Started something: 0x12.\n".to_owned();
    for (at, line) in lines.iter().enumerate() {
        if at % 40 == 39 {
            text += OOPS;
        }
        match way {
            0 => writeln!(text, "[  912.{:06}] kvm_amd: {line}", 104_411 + at),
            1 => writeln!(text, "{line}"),
            2 => writeln!(text, "<3>[  912.{:06}][ T1234] SVM: {line}", 104_411 + at),
            3 => writeln!(
                text,
                "Nov 27 08:00:{:02} host.example kernel: kvm_amd: {line}\r",
                at % 60
            ),
            _ => writeln!(
                text,
                "\u{1b}[32m[  912.1] \u{1b}[0m\u{1b}[31mkvm_amd: {line}\u{1b}[0m\n\tsomething else: 12"
            ),
        }
        .expect("a string takes all");
    }
    text
}

/// The lines for a page.
///
/// # Panics
///
/// If it is no page of [`VMCB_SIZE`](amd_svm::vmcb::VMCB_SIZE) bytes.
#[must_use]
pub fn printed(page: &[u8]) -> Vec<String> {
    [
        intercepts(page),
        events(page),
        nesting(page),
        segments(page),
        registers(page),
    ]
    .concat()
}

/// The control area's heading and beginning.
fn intercepts(page: &[u8]) -> Vec<String> {
    let n = |name: &str| number(page, name);
    let mut lines = vec![
        "VMCB 00000000deadbeef, last attempted VMRUN on CPU 7".to_owned(),
        "VMCB Control Area:".to_owned(),
    ];
    for (key, field) in [
        ("cr_read:", "cr_reads"),
        ("cr_write:", "cr_writes"),
        ("dr_read:", "dr_reads"),
        ("dr_write:", "dr_writes"),
    ] {
        lines.push(format!("{key:<20}{:04x}", n(field)));
    }
    lines.push(format!("{:<20}{:08x}", "exceptions:", n("exceptions")));
    lines.push(format!(
        "{:<20}{:08x} {:08x}",
        "intercepts:",
        n("intercepts_1"),
        n("intercepts_2")
    ));
    lines.push(format!(
        "{:<20}{}",
        "pause filter count:",
        n("pause_filter_count")
    ));
    lines.push(format!(
        "{:<20}{}",
        "pause filter threshold:",
        n("pause_filter_threshold")
    ));
    for (key, field) in [
        ("iopm_base_pa:", "io_permission_map"),
        ("msrpm_base_pa:", "msr_permission_map"),
        ("tsc_offset:", "tsc_offset"),
    ] {
        lines.push(format!("{key:<20}{:016x}", n(field)));
    }
    lines
}

/// What comes in and goes out.
fn events(page: &[u8]) -> Vec<String> {
    let n = |name: &str| number(page, name);
    let low = |name: &str| n(name) & 0xFFFF_FFFF;
    let high = |name: &str| n(name) >> 32;
    let mut lines = Vec::new();
    // Printed by %d.
    lines.push(format!(
        "{:<20}{}",
        "asid:",
        u32::try_from(n("asid")).expect("32 bits").cast_signed()
    ));
    lines.push(format!("{:<20}{}", "tlb_ctl:", n("tlb_control")));
    lines.push(format!(
        "{:<20}{:08x}",
        "int_ctl:",
        low("virtual_interrupt")
    ));
    lines.push(format!(
        "{:<20}{:08x}",
        "int_vector:",
        high("virtual_interrupt")
    ));
    lines.push(format!(
        "{:<20}{:08x}",
        "int_state:",
        low("interrupt_shadow")
    ));
    lines.push(format!("{:<20}{:08x}", "exit_code:", low("exit_code")));
    lines.push(format!("{:<20}{:016x}", "exit_info1:", n("exit_info_1")));
    lines.push(format!("{:<20}{:016x}", "exit_info2:", n("exit_info_2")));
    lines.push(format!(
        "{:<20}{:08x}",
        "exit_int_info:",
        low("exit_interrupt_info")
    ));
    lines.push(format!(
        "{:<20}{:08x}",
        "exit_int_info_err:",
        high("exit_interrupt_info")
    ));
    lines
}

/// The rest of the control area.
fn nesting(page: &[u8]) -> Vec<String> {
    let n = |name: &str| number(page, name);
    let low = |name: &str| n(name) & 0xFFFF_FFFF;
    let high = |name: &str| n(name) >> 32;
    let mut lines = Vec::new();
    lines.push(format!("{:<20}{}", "nested_ctl:", n("nested_control")));
    lines.push(format!("{:<20}{:016x}", "nested_cr3:", n("nested_cr3")));
    lines.push(format!(
        "{:<20}{:016x}",
        "avic_vapic_bar:",
        n("avic_apic_bar")
    ));
    lines.push(format!("{:<20}{:016x}", "ghcb:", n("ghcb")));
    lines.push(format!(
        "{:<20}{:08x}",
        "event_inj:",
        low("event_injection")
    ));
    lines.push(format!(
        "{:<20}{:08x}",
        "event_inj_err:",
        high("event_injection")
    ));
    lines.push(format!(
        "{:<20}{}",
        "virt_ext:",
        n("virtualization_extensions").cast_signed()
    ));
    for (key, field) in [
        ("next_rip:", "next_rip"),
        ("avic_backing_page:", "avic_backing_page"),
        ("avic_logical_id:", "avic_logical_table"),
        ("avic_physical_id:", "avic_physical_table"),
        ("vmsa_pa:", "vmsa"),
    ] {
        lines.push(format!("{key:<20}{:016x}", n(field)));
    }
    lines
}

/// The save area's heading and segments.
fn segments(page: &[u8]) -> Vec<String> {
    let n = |name: &str| number(page, name);
    let mut lines = vec!["VMCB State Save Area:".to_owned()];
    for segment in SEGMENTS {
        let part = |part: &str| n(&format!("{segment}.{part}"));
        lines.push(format!(
            "{:<5} s: {:04x} a: {:04x} l: {:08x} b: {:016x}",
            format!("{segment}:"),
            part("selector"),
            part("attrib"),
            part("limit"),
            part("base")
        ));
    }
    lines
}

/// The rest of the save area.
fn registers(page: &[u8]) -> Vec<String> {
    let n = |name: &str| number(page, name);
    let mut lines = Vec::new();
    lines.push(format!(
        "vmpl: {}   cpl:  {}               efer:          {:016x}",
        n("vmpl"),
        n("cpl"),
        n("efer")
    ));
    for [(one, first), (other, second)] in [
        [("cr0:", "cr0"), ("cr2:", "cr2")],
        [("cr3:", "cr3"), ("cr4:", "cr4")],
        [("dr6:", "dr6"), ("dr7:", "dr7")],
        [("rip:", "rip"), ("rflags:", "rflags")],
        [("rsp:", "rsp"), ("rax:", "rax")],
        [("star:", "star"), ("lstar:", "lstar")],
        [("cstar:", "cstar"), ("sfmask:", "sfmask")],
        [
            ("kernel_gs_base:", "kernel_gs_base"),
            ("sysenter_cs:", "sysenter_cs"),
        ],
        [
            ("sysenter_esp:", "sysenter_esp"),
            ("sysenter_eip:", "sysenter_eip"),
        ],
        [("gpat:", "guest_pat"), ("dbgctl:", "debug_control")],
        [("br_from:", "branch_from"), ("br_to:", "branch_to")],
        [
            ("excp_from:", "last_exception_from"),
            ("excp_to:", "last_exception_to"),
        ],
    ] {
        lines.push(format!(
            "{one:<15} {:016x} {other:<13} {:016x}",
            n(first),
            n(second)
        ));
    }
    lines
}
