//! `dump_vmcb` of Linux 6.12, line by line.

use super::number;

const SEGMENTS: [&str; 10] = [
    "es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
];

/// The lines for a page.
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
        u32::try_from(n("asid")).unwrap().cast_signed()
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
