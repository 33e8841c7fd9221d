//! What `amd-svm` says of the VMCB, by the names that `facts.c` gives the facts.

use std::collections::BTreeMap;
use std::mem::offset_of;

use amd_svm::msr::{Efer, Msr, VmCr};
use amd_svm::segment::{Segment, SegmentAttributes};
use amd_svm::vmcb::{
    ControlArea, Event, ExitCode, Intercepts1, Intercepts2, Intercepts3, InterruptShadow,
    NestedControl, SaveArea, SystemCallRegisters, TlbControl, VirtualInterrupt,
    VirtualizationExtensions, Vmcb,
};

/// All facts.
pub(super) fn ours() -> BTreeMap<String, u64> {
    let attributes = attributes().map(|(name, bits)| (format!("attribute {name}"), bits));
    let registers = Msr::ALL.map(|msr| {
        let name = format!("msr {}", name_in_linux(msr));
        (name, msr.number().into())
    });
    let named = save_area()
        .into_iter()
        .chain(control_area())
        .chain(control_bits())
        .chain(exit_codes())
        .chain(segment())
        .chain(register_bits())
        .map(|(name, value)| (name.to_owned(), value));
    let intercepts = intercepts()
        .into_iter()
        .map(|(name, bit)| (format!("intercept {name}"), bit.into()));
    named
        .chain(intercepts)
        .chain(attributes.map(|(name, bits)| (name, u16::from(bits).into())))
        .chain(registers)
        .collect()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn save_area() -> Vec<(&'static str, u64)> {
    const SAVE: usize = offset_of!(Vmcb, save);
    const SYSTEM_CALL: usize = SAVE + offset_of!(SaveArea, system_call);
    let facts = [
        ("save", SAVE),
        ("save.es", SAVE + offset_of!(SaveArea, es)),
        ("save.cs", SAVE + offset_of!(SaveArea, cs)),
        ("save.ss", SAVE + offset_of!(SaveArea, ss)),
        ("save.ds", SAVE + offset_of!(SaveArea, ds)),
        ("save.fs", SAVE + offset_of!(SaveArea, fs)),
        ("save.gs", SAVE + offset_of!(SaveArea, gs)),
        ("save.gdtr", SAVE + offset_of!(SaveArea, gdtr)),
        ("save.ldtr", SAVE + offset_of!(SaveArea, ldtr)),
        ("save.idtr", SAVE + offset_of!(SaveArea, idtr)),
        ("save.tr", SAVE + offset_of!(SaveArea, tr)),
        ("save.vmpl", SAVE + offset_of!(SaveArea, vmpl)),
        ("save.cpl", SAVE + offset_of!(SaveArea, cpl)),
        ("save.efer", SAVE + offset_of!(SaveArea, efer)),
        ("save.cr4", SAVE + offset_of!(SaveArea, cr4)),
        ("save.cr3", SAVE + offset_of!(SaveArea, cr3)),
        ("save.cr0", SAVE + offset_of!(SaveArea, cr0)),
        ("save.dr7", SAVE + offset_of!(SaveArea, dr7)),
        ("save.dr6", SAVE + offset_of!(SaveArea, dr6)),
        ("save.rflags", SAVE + offset_of!(SaveArea, rflags)),
        ("save.rip", SAVE + offset_of!(SaveArea, rip)),
        ("save.rsp", SAVE + offset_of!(SaveArea, rsp)),
        ("save.s_cet", SAVE + offset_of!(SaveArea, s_cet)),
        ("save.ssp", SAVE + offset_of!(SaveArea, ssp)),
        ("save.isst_addr", SAVE + offset_of!(SaveArea, isst_addr)),
        ("save.rax", SAVE + offset_of!(SaveArea, rax)),
        ("save.cr2", SAVE + offset_of!(SaveArea, cr2)),
        ("save.g_pat", SAVE + offset_of!(SaveArea, guest_pat)),
        ("save.dbgctl", SAVE + offset_of!(SaveArea, debug_control)),
        ("save.br_from", SAVE + offset_of!(SaveArea, branch_from)),
        ("save.br_to", SAVE + offset_of!(SaveArea, branch_to)),
        (
            "save.last_excp_from",
            SAVE + offset_of!(SaveArea, last_exception_from),
        ),
        (
            "save.last_excp_to",
            SAVE + offset_of!(SaveArea, last_exception_to),
        ),
        ("save.spec_ctrl", SAVE + offset_of!(SaveArea, spec_ctrl)),
        (
            "save.star",
            SYSTEM_CALL + offset_of!(SystemCallRegisters, star),
        ),
        (
            "save.lstar",
            SYSTEM_CALL + offset_of!(SystemCallRegisters, lstar),
        ),
        (
            "save.cstar",
            SYSTEM_CALL + offset_of!(SystemCallRegisters, cstar),
        ),
        (
            "save.sfmask",
            SYSTEM_CALL + offset_of!(SystemCallRegisters, sfmask),
        ),
        (
            "save.kernel_gs_base",
            SYSTEM_CALL + offset_of!(SystemCallRegisters, kernel_gs_base),
        ),
        (
            "save.sysenter_cs",
            SYSTEM_CALL + offset_of!(SystemCallRegisters, sysenter_cs),
        ),
        (
            "save.sysenter_esp",
            SYSTEM_CALL + offset_of!(SystemCallRegisters, sysenter_esp),
        ),
        (
            "save.sysenter_eip",
            SYSTEM_CALL + offset_of!(SystemCallRegisters, sysenter_eip),
        ),
    ];
    facts.map(|(name, offset)| (name, offset as u64)).into()
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn control_area() -> Vec<(&'static str, u64)> {
    let facts = [
        (
            "control.intercepts[3]",
            offset_of!(ControlArea, intercepts_1),
        ),
        (
            "control.intercepts[4]",
            offset_of!(ControlArea, intercepts_2),
        ),
        (
            "control.intercepts[5]",
            offset_of!(ControlArea, intercepts_3),
        ),
        (
            "control.pause_filter_thresh",
            offset_of!(ControlArea, pause_filter_threshold),
        ),
        (
            "control.pause_filter_count",
            offset_of!(ControlArea, pause_filter_count),
        ),
        (
            "control.iopm_base_pa",
            offset_of!(ControlArea, io_permission_map),
        ),
        (
            "control.msrpm_base_pa",
            offset_of!(ControlArea, msr_permission_map),
        ),
        ("control.tsc_offset", offset_of!(ControlArea, tsc_offset)),
        ("control.asid", offset_of!(ControlArea, asid)),
        ("control.tlb_ctl", offset_of!(ControlArea, tlb_control)),
        (
            "control.int_ctl",
            offset_of!(ControlArea, virtual_interrupt),
        ),
        (
            "control.int_state",
            offset_of!(ControlArea, interrupt_shadow),
        ),
        ("control.exit_code", offset_of!(ControlArea, exit_code)),
        ("control.exit_info_1", offset_of!(ControlArea, exit_info_1)),
        ("control.exit_info_2", offset_of!(ControlArea, exit_info_2)),
        (
            "control.exit_int_info",
            offset_of!(ControlArea, exit_interrupt_info),
        ),
        (
            "control.nested_ctl",
            offset_of!(ControlArea, nested_control),
        ),
        (
            "control.avic_vapic_bar",
            offset_of!(ControlArea, avic_apic_bar),
        ),
        ("control.ghcb_gpa", offset_of!(ControlArea, ghcb)),
        (
            "control.event_inj",
            offset_of!(ControlArea, event_injection),
        ),
        ("control.nested_cr3", offset_of!(ControlArea, nested_cr3)),
        (
            "control.virt_ext",
            offset_of!(ControlArea, virtualization_extensions),
        ),
        ("control.clean", offset_of!(ControlArea, clean_bits)),
        ("control.next_rip", offset_of!(ControlArea, next_rip)),
        (
            "control.insn_len",
            offset_of!(ControlArea, instruction_length),
        ),
        (
            "control.insn_bytes",
            offset_of!(ControlArea, instruction_bytes),
        ),
        (
            "control.avic_backing_page",
            offset_of!(ControlArea, avic_backing_page),
        ),
        (
            "control.avic_logical_id",
            offset_of!(ControlArea, avic_logical_table),
        ),
        (
            "control.avic_physical_id",
            offset_of!(ControlArea, avic_physical_table),
        ),
        ("control.vmsa_pa", offset_of!(ControlArea, vmsa)),
    ];
    facts.map(|(name, offset)| (name, offset as u64)).into()
}

/// Bits in the fields of the control area.
fn control_bits() -> Vec<(&'static str, u64)> {
    let interrupt = VirtualInterrupt::new();
    let shadow = InterruptShadow::new();
    let event = Event::new();
    let nested = NestedControl::new();
    let extensions = VirtualizationExtensions::new();
    vec![
        ("int_ctl.tpr", interrupt.with_tpr(0xf).into()),
        ("int_ctl.irq", interrupt.with_pending(true).into()),
        (
            "int_ctl.gif",
            interrupt.with_global_interrupt_flag(true).into(),
        ),
        ("int_ctl.priority", interrupt.with_priority(0xf).into()),
        ("int_ctl.ignore_tpr", interrupt.with_ignore_tpr(true).into()),
        ("int_ctl.masking", interrupt.with_masking(true).into()),
        (
            "int_ctl.gif_enable",
            interrupt.with_global_interrupt_flag_enable(true).into(),
        ),
        (
            "int_ctl.x2avic_enable",
            interrupt.with_x2avic_enable(true).into(),
        ),
        (
            "int_ctl.avic_enable",
            interrupt.with_avic_enable(true).into(),
        ),
        ("int_state.shadow", shadow.with_shadow(true).into()),
        (
            "int_state.guest_mask",
            shadow.with_guest_interrupt_mask(true).into(),
        ),
        ("event.vector", event.with_vector(0xff).into()),
        ("event.type", event.with_kind(7).into()),
        (
            "event.error_valid",
            event.with_error_code_valid(true).into(),
        ),
        ("event.valid", event.with_valid(true).into()),
        ("nested_ctl.np", nested.with_nested_paging(true).into()),
        ("nested_ctl.sev", nested.with_sev(true).into()),
        ("nested_ctl.sev_es", nested.with_sev_es(true).into()),
        (
            "virt_ext.lbr",
            extensions.with_last_branch_record(true).into(),
        ),
        (
            "virt_ext.vmload_vmsave",
            extensions.with_vmsave_vmload(true).into(),
        ),
        ("tlb_ctl.all", TlbControl::ALL.0.into()),
        ("tlb_ctl.asid", TlbControl::GUEST.0.into()),
        ("tlb_ctl.asid_local", TlbControl::GUEST_NON_GLOBAL.0.into()),
    ]
}

/// By the bit in its word.
fn intercepts() -> Vec<(&'static str, u32)> {
    let first = Intercepts1::new();
    let second = Intercepts2::new();
    let third = Intercepts3::new();
    vec![
        ("INTR", first.with_interrupt(true).into()),
        ("NMI", first.with_nmi(true).into()),
        ("SMI", first.with_smi(true).into()),
        ("INIT", first.with_init(true).into()),
        ("VINTR", first.with_virtual_interrupt(true).into()),
        ("SELECTIVE_CR0", first.with_cr0_selective_write(true).into()),
        ("STORE_IDTR", first.with_idtr_read(true).into()),
        ("STORE_GDTR", first.with_gdtr_read(true).into()),
        ("STORE_LDTR", first.with_ldtr_read(true).into()),
        ("STORE_TR", first.with_tr_read(true).into()),
        ("LOAD_IDTR", first.with_idtr_write(true).into()),
        ("LOAD_GDTR", first.with_gdtr_write(true).into()),
        ("LOAD_LDTR", first.with_ldtr_write(true).into()),
        ("LOAD_TR", first.with_tr_write(true).into()),
        ("RDTSC", first.with_rdtsc(true).into()),
        ("RDPMC", first.with_rdpmc(true).into()),
        ("PUSHF", first.with_pushf(true).into()),
        ("POPF", first.with_popf(true).into()),
        ("CPUID", first.with_cpuid(true).into()),
        ("RSM", first.with_rsm(true).into()),
        ("IRET", first.with_iret(true).into()),
        ("INTn", first.with_software_interrupt(true).into()),
        ("INVD", first.with_invd(true).into()),
        ("PAUSE", first.with_pause(true).into()),
        ("HLT", first.with_hlt(true).into()),
        ("INVLPG", first.with_invlpg(true).into()),
        ("INVLPGA", first.with_invlpga(true).into()),
        ("IOIO_PROT", first.with_io(true).into()),
        ("MSR_PROT", first.with_msr(true).into()),
        ("TASK_SWITCH", first.with_task_switch(true).into()),
        ("FERR_FREEZE", first.with_ferr_freeze(true).into()),
        ("SHUTDOWN", first.with_shutdown(true).into()),
        ("VMRUN", second.with_vmrun(true).into()),
        ("VMMCALL", second.with_vmmcall(true).into()),
        ("VMLOAD", second.with_vmload(true).into()),
        ("VMSAVE", second.with_vmsave(true).into()),
        ("STGI", second.with_stgi(true).into()),
        ("CLGI", second.with_clgi(true).into()),
        ("SKINIT", second.with_skinit(true).into()),
        ("RDTSCP", second.with_rdtscp(true).into()),
        ("ICEBP", second.with_icebp(true).into()),
        ("WBINVD", second.with_wbinvd(true).into()),
        ("MONITOR", second.with_monitor(true).into()),
        ("MWAIT", second.with_mwait(true).into()),
        ("MWAIT_COND", second.with_mwait_armed(true).into()),
        ("XSETBV", second.with_xsetbv(true).into()),
        ("RDPRU", second.with_rdpru(true).into()),
        ("INVLPGB", third.with_invlpgb(true).into()),
        ("INVLPGB_ILLEGAL", third.with_invlpgb_illegal(true).into()),
        ("INVPCID", third.with_invpcid(true).into()),
        ("MCOMMIT", third.with_mcommit(true).into()),
        ("TLBSYNC", third.with_tlbsync(true).into()),
        ("EFER_WRITE", second.with_efer_write(true).into()),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn exit_codes() -> Vec<(&'static str, u64)> {
    let codes = [
        ("exit INTR", ExitCode::INTR),
        ("exit NMI", ExitCode::NMI),
        ("exit SMI", ExitCode::SMI),
        ("exit INIT", ExitCode::INIT),
        ("exit VINTR", ExitCode::VINTR),
        ("exit CR0_SEL_WRITE", ExitCode::CR0_SEL_WRITE),
        ("exit IDTR_READ", ExitCode::IDTR_READ),
        ("exit GDTR_READ", ExitCode::GDTR_READ),
        ("exit LDTR_READ", ExitCode::LDTR_READ),
        ("exit TR_READ", ExitCode::TR_READ),
        ("exit IDTR_WRITE", ExitCode::IDTR_WRITE),
        ("exit GDTR_WRITE", ExitCode::GDTR_WRITE),
        ("exit LDTR_WRITE", ExitCode::LDTR_WRITE),
        ("exit TR_WRITE", ExitCode::TR_WRITE),
        ("exit RDTSC", ExitCode::RDTSC),
        ("exit RDPMC", ExitCode::RDPMC),
        ("exit PUSHF", ExitCode::PUSHF),
        ("exit POPF", ExitCode::POPF),
        ("exit CPUID", ExitCode::CPUID),
        ("exit RSM", ExitCode::RSM),
        ("exit IRET", ExitCode::IRET),
        ("exit SWINT", ExitCode::SWINT),
        ("exit INVD", ExitCode::INVD),
        ("exit PAUSE", ExitCode::PAUSE),
        ("exit HLT", ExitCode::HLT),
        ("exit INVLPG", ExitCode::INVLPG),
        ("exit INVLPGA", ExitCode::INVLPGA),
        ("exit IOIO", ExitCode::IOIO),
        ("exit MSR", ExitCode::MSR),
        ("exit TASK_SWITCH", ExitCode::TASK_SWITCH),
        ("exit FERR_FREEZE", ExitCode::FERR_FREEZE),
        ("exit SHUTDOWN", ExitCode::SHUTDOWN),
        ("exit VMRUN", ExitCode::VMRUN),
        ("exit VMMCALL", ExitCode::VMMCALL),
        ("exit VMLOAD", ExitCode::VMLOAD),
        ("exit VMSAVE", ExitCode::VMSAVE),
        ("exit STGI", ExitCode::STGI),
        ("exit CLGI", ExitCode::CLGI),
        ("exit SKINIT", ExitCode::SKINIT),
        ("exit RDTSCP", ExitCode::RDTSCP),
        ("exit ICEBP", ExitCode::ICEBP),
        ("exit WBINVD", ExitCode::WBINVD),
        ("exit MONITOR", ExitCode::MONITOR),
        ("exit MWAIT", ExitCode::MWAIT),
        ("exit XSETBV", ExitCode::XSETBV),
        ("exit RDPRU", ExitCode::RDPRU),
        ("exit EFER_WRITE_TRAP", ExitCode::EFER_WRITE_TRAP),
        ("exit INVPCID", ExitCode::INVPCID),
        ("exit NPF", ExitCode::NPF),
        ("exit AVIC_INCOMPLETE_IPI", ExitCode::AVIC_INCOMPLETE_IPI),
        ("exit VMGEXIT", ExitCode::VMGEXIT),
        ("exit MWAIT_COND", ExitCode::MWAIT_CONDITIONAL),
        ("exit AVIC_UNACCELERATED_ACCESS", ExitCode::AVIC_NOACCEL),
        ("exit ERR", ExitCode::INVALID),
        (
            "exit EXCP14",
            ExitCode::exception(14).expect("a vector of an exception"),
        ),
    ];
    codes.map(|(name, code)| (name, code.0)).into()
}

fn segment() -> Vec<(&'static str, u64)> {
    let segment = Segment::default();
    let facts = [
        ("size of a segment", size_of::<Segment>()),
        ("segment.selector", offset_of!(Segment, selector)),
        ("segment.attrib", offset_of!(Segment, attributes)),
        ("segment.limit", offset_of!(Segment, limit)),
        ("segment.base", offset_of!(Segment, base)),
        ("width of selector", size_of_val(&segment.selector)),
        ("width of attrib", size_of_val(&segment.attributes)),
        ("width of limit", size_of_val(&segment.limit)),
        ("width of base", size_of_val(&segment.base)),
    ];
    facts.map(|(name, number)| (name, number as u64)).into()
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

fn register_bits() -> [(&'static str, u64); 3] {
    [
        ("EFER.SVME", Efer::new().with_svme(true).into()),
        ("VM_CR.SVMDIS", VmCr::new().with_svm_disable(true).into()),
        ("VM_CR.LOCK", VmCr::new().with_lock(true).into()),
    ]
}
