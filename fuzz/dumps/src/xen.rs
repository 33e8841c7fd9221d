//! `svm_vmcb_dump` of Xen 4.18, by its debug key `v`.
//!
//! Source: Xen, `xen/arch/x86/hvm/svm/svmdebug.c`.

use std::fmt::Write as _;

use crate::number;

/// The text for a page.
///
/// # Panics
///
/// If it is no page of [`VMCB_SIZE`](amd_svm::vmcb::VMCB_SIZE) bytes.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn printed(page: &[u8]) -> String {
    let n = |name: &str| number(page, name);
    // As printf has it: nothing before a zero.
    let x = |value: u64| {
        if value == 0 {
            "0".to_owned()
        } else {
            format!("{value:#x}")
        }
    };
    let f = |name: &str| x(n(name));
    let mut text = String::new();
    for line in [
        ">>> Domain 3 <<<".to_owned(),
        "\tVCPU 2".to_owned(),
        "Dumping guest's current state at key_handler...".to_owned(),
        "Size of VMCB = 4096, paddr = 00000001deadb000, vaddr = ffff8301deadb000".to_owned(),
        format!(
            "cr_intercepts = {} dr_intercepts = {} exception_intercepts = {}",
            x(n("cr_reads") | n("cr_writes") << 16),
            x(n("dr_reads") | n("dr_writes") << 16),
            f("exceptions")
        ),
        format!(
            "general1_intercepts = {} general2_intercepts = {}",
            f("intercepts_1"),
            f("intercepts_2")
        ),
        format!(
            "iopm_base_pa = {} msrpm_base_pa = {} tsc_offset = {}",
            f("io_permission_map"),
            f("msr_permission_map"),
            f("tsc_offset")
        ),
        format!(
            "tlb_control = {} vintr = {} int_stat = {}",
            f("tlb_control"),
            f("virtual_interrupt"),
            f("interrupt_shadow")
        ),
        format!(
            "event_inj {:016x}, valid? 1, ec? 0, type 3, vector 0xe",
            n("event_injection")
        ),
        format!(
            "exitcode = {} exit_int_info = {}",
            f("exit_code"),
            f("exit_interrupt_info")
        ),
        format!(
            "exitinfo1 = {} exitinfo2 = {}",
            f("exit_info_1"),
            f("exit_info_2")
        ),
        format!(
            "asid = {} np_ctrl = {}: NP SEV",
            f("asid"),
            f("nested_control")
        ),
        format!(
            "virtual vmload/vmsave = 1, virt_ext = {}",
            f("virtualization_extensions")
        ),
        format!(
            "cpl = {} efer = {} star = {} lstar = {}",
            n("cpl"),
            f("efer"),
            f("star"),
            f("lstar")
        ),
        format!("CR0 = 0x{:016x} CR2 = 0x{:016x}", n("cr0"), n("cr2")),
        format!("CR3 = 0x{:016x} CR4 = 0x{:016x}", n("cr3"), n("cr4")),
        format!("RSP = 0x{:016x}  RIP = 0x{:016x}", n("rsp"), n("rip")),
        format!("RAX = 0x{:016x}  RFLAGS=0x{:016x}", n("rax"), n("rflags")),
        format!("DR6 = 0x{:016x}, DR7 = 0x{:016x}", n("dr6"), n("dr7")),
        format!(
            "CSTAR = 0x{:016x} SFMask = 0x{:016x}",
            n("cstar"),
            n("sfmask")
        ),
        format!(
            "KernGSBase = 0x{:016x} PAT = 0x{:016x}",
            n("kernel_gs_base"),
            n("guest_pat")
        ),
        format!(
            "SSP = 0x{:016x} S_CET = 0x{:016x} ISST = 0x{:016x}",
            n("ssp"),
            n("s_cet"),
            n("isst_addr")
        ),
        format!(
            "H_CR3 = 0x{:016x} CleanBits = {}",
            n("nested_cr3"),
            f("clean_bits")
        ),
        "       sel attr  limit   base".to_owned(),
    ] {
        writeln!(text, "(XEN) {line}").expect("a string takes all");
    }
    for segment in [
        "cs", "ds", "ss", "es", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
    ] {
        let part = |part: &str| n(&format!("{segment}.{part}"));
        let name = segment.to_uppercase();
        writeln!(
            text,
            "(XEN) {name:>4}: {:04x} {:04x} {:08x} {:016x}",
            part("selector"),
            part("attrib"),
            part("limit"),
            part("base")
        )
        .expect("a string takes all");
    }
    text
}
