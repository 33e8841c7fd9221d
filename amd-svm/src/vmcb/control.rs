//! The control area of a VMCB: what exits, what is virtualised, and why the guest exited.

use core::mem::offset_of;

use bitfield_struct::bitfield;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{ExitCode, SAVE_AREA_OFFSET};

/// The control area.
///
/// Source: APM volume 2, appendix B, table B-1.
#[repr(C)]
#[derive(Clone, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct ControlArea {
    /// A read of CR*n* exits if bit *n* is set.
    pub cr_reads: u16,
    /// A write of CR*n* exits if bit *n* is set.
    pub cr_writes: u16,
    /// A read of DR*n* exits if bit *n* is set.
    pub dr_reads: u16,
    /// A write of DR*n* exits if bit *n* is set.
    pub dr_writes: u16,
    /// An exception of vector *n* exits if bit *n* is set.
    pub exceptions: u32,
    /// Events and instructions that exit.
    pub intercepts_1: Intercepts1,
    /// More of them.
    pub intercepts_2: Intercepts2,
    /// More of them.
    pub intercepts_3: Intercepts3,
    reserved_018: [u8; 36],
    /// Cycles after which the PAUSE filter starts over.
    pub pause_filter_threshold: u16,
    /// Executions of PAUSE that do not exit.
    pub pause_filter_count: u16,
    /// `IOPM_BASE_PA`: physical address of the I/O permission map.
    pub io_permission_map: u64,
    /// `MSRPM_BASE_PA`: physical address of the MSR permission map.
    pub msr_permission_map: u64,
    /// What the guest's reads of the time-stamp counter add, in cycles.
    pub tsc_offset: u64,
    /// Address space identifier of the guest; 0 is the host's and not allowed.
    pub asid: u32,
    /// What VMRUN flushes from the translation buffer.
    pub tlb_control: TlbControl,
    reserved_05d: [u8; 3],
    /// The virtual interrupt.
    pub virtual_interrupt: VirtualInterrupt,
    /// What holds interrupts back.
    pub interrupt_shadow: InterruptShadow,
    /// `EXITCODE`: why the guest exited.
    pub exit_code: ExitCode,
    /// `EXITINFO1`: its meaning depends on the exit code.
    pub exit_info_1: u64,
    /// `EXITINFO2`: its meaning depends on the exit code.
    pub exit_info_2: u64,
    /// `EXITINTINFO`: the event whose delivery the exit interrupted.
    pub exit_interrupt_info: Event,
    /// Nested paging and encryption.
    pub nested_control: NestedControl,
    /// `AVIC APIC_BAR`: where the guest sees its interrupt controller.
    pub avic_apic_bar: u64,
    /// Physical address of an SEV-ES guest's communication block.
    pub ghcb: u64,
    /// `EVENTINJ`: the event that VMRUN delivers to the guest.
    pub event_injection: Event,
    /// `N_CR3`: physical address of the nested page tables.
    pub nested_cr3: u64,
    /// What is virtualised without an exit.
    pub virtualization_extensions: VirtualizationExtensions,
    /// What is unchanged since the last run.
    pub clean_bits: CleanBits,
    reserved_0c4: [u8; 4],
    /// `nRIP`: address of the instruction behind the one that exited.
    pub next_rip: u64,
    /// Number of bytes in `instruction_bytes`.
    pub instruction_length: u8,
    /// The bytes that were fetched of the instruction that exited.
    pub instruction_bytes: [u8; 15],
    /// Physical address of the virtual interrupt controller's page.
    pub avic_backing_page: u64,
    reserved_0e8: [u8; 8],
    /// Physical address of its table of logical identifiers.
    pub avic_logical_table: u64,
    /// Physical address of its table of physical identifiers.
    pub avic_physical_table: u64,
    reserved_100: [u8; 8],
    /// Physical address of an SEV-ES guest's state.
    pub vmsa: u64,
    reserved_110: [u8; 16],
    /// Bus locks that do not exit.
    pub bus_lock_threshold: u16,
    reserved_122: [u8; 22],
    /// Features that an SEV guest may have.
    pub allowed_sev_features: u64,
    /// Features that an SEV guest has.
    pub guest_sev_features: u64,
    reserved_148: [u8; 664],
    /// Never touched by the processor: free for the hypervisor.
    pub host_use: [u8; 32],
}

/// Offsets from the start of the VMCB, as appendix B and Linux' `struct vmcb_control_area` have
/// them.
const _: () = {
    assert!(offset_of!(ControlArea, cr_reads) == 0);
    assert!(offset_of!(ControlArea, cr_writes) == 0x2);
    assert!(offset_of!(ControlArea, dr_reads) == 0x4);
    assert!(offset_of!(ControlArea, dr_writes) == 0x6);
    assert!(offset_of!(ControlArea, exceptions) == 0x8);
    assert!(offset_of!(ControlArea, intercepts_1) == 0xc);
    assert!(offset_of!(ControlArea, intercepts_2) == 0x10);
    assert!(offset_of!(ControlArea, intercepts_3) == 0x14);
    assert!(offset_of!(ControlArea, pause_filter_threshold) == 0x3c);
    assert!(offset_of!(ControlArea, pause_filter_count) == 0x3e);
    assert!(offset_of!(ControlArea, io_permission_map) == 0x40);
    assert!(offset_of!(ControlArea, msr_permission_map) == 0x48);
    assert!(offset_of!(ControlArea, tsc_offset) == 0x50);
    assert!(offset_of!(ControlArea, asid) == 0x58);
    assert!(offset_of!(ControlArea, tlb_control) == 0x5c);
    assert!(offset_of!(ControlArea, virtual_interrupt) == 0x60);
    assert!(offset_of!(ControlArea, interrupt_shadow) == 0x68);
    assert!(offset_of!(ControlArea, exit_code) == 0x70);
    assert!(offset_of!(ControlArea, exit_info_1) == 0x78);
    assert!(offset_of!(ControlArea, exit_info_2) == 0x80);
    assert!(offset_of!(ControlArea, exit_interrupt_info) == 0x88);
    assert!(offset_of!(ControlArea, nested_control) == 0x90);
    assert!(offset_of!(ControlArea, avic_apic_bar) == 0x98);
    assert!(offset_of!(ControlArea, ghcb) == 0xa0);
    assert!(offset_of!(ControlArea, event_injection) == 0xa8);
    assert!(offset_of!(ControlArea, nested_cr3) == 0xb0);
    assert!(offset_of!(ControlArea, virtualization_extensions) == 0xb8);
    assert!(offset_of!(ControlArea, clean_bits) == 0xc0);
    assert!(offset_of!(ControlArea, next_rip) == 0xc8);
    assert!(offset_of!(ControlArea, instruction_length) == 0xd0);
    assert!(offset_of!(ControlArea, instruction_bytes) == 0xd1);
    assert!(offset_of!(ControlArea, avic_backing_page) == 0xe0);
    assert!(offset_of!(ControlArea, avic_logical_table) == 0xf0);
    assert!(offset_of!(ControlArea, avic_physical_table) == 0xf8);
    assert!(offset_of!(ControlArea, vmsa) == 0x108);
    assert!(offset_of!(ControlArea, bus_lock_threshold) == 0x120);
    assert!(offset_of!(ControlArea, allowed_sev_features) == 0x138);
    assert!(offset_of!(ControlArea, guest_sev_features) == 0x140);
    assert!(offset_of!(ControlArea, host_use) == 0x3e0);
    assert!(size_of::<ControlArea>() == SAVE_AREA_OFFSET);
};

/// What VMRUN flushes from the translation buffer: an open enumeration.
///
/// Source: APM volume 2, section 15.16.2.
#[repr(transparent)]
#[derive(
    Clone, Copy, Debug, Default, Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq,
)]
pub struct TlbControl(pub u8);

impl TlbControl {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// Everything, of all address spaces.
    pub const ALL: Self = Self(1);
    /// This guest's translations; needs [`flush_by_asid`](crate::cpuid::SvmFeatures).
    pub const GUEST: Self = Self(3);
    /// This guest's translations that are not global; needs the same.
    pub const GUEST_NON_GLOBAL: Self = Self(7);
}

/// What exits, third word of the intercept vector.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.9.
#[bitfield(u32)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct Intercepts1 {
    /// A physical interrupt exits.
    pub interrupt: bool,
    /// An NMI exits.
    pub nmi: bool,
    /// An SMI exits.
    pub smi: bool,
    /// An INIT exits.
    pub init: bool,
    /// Readiness for a virtual interrupt exits.
    pub virtual_interrupt: bool,
    /// A write of CR0 that changes more than TS and MP exits.
    pub cr0_selective_write: bool,
    /// SIDT exits.
    pub idtr_read: bool,
    /// SGDT exits.
    pub gdtr_read: bool,
    /// SLDT exits.
    pub ldtr_read: bool,
    /// STR exits.
    pub tr_read: bool,
    /// LIDT exits.
    pub idtr_write: bool,
    /// LGDT exits.
    pub gdtr_write: bool,
    /// LLDT exits.
    pub ldtr_write: bool,
    /// LTR exits.
    pub tr_write: bool,
    /// RDTSC exits.
    pub rdtsc: bool,
    /// RDPMC exits.
    pub rdpmc: bool,
    /// PUSHF exits.
    pub pushf: bool,
    /// POPF exits.
    pub popf: bool,
    /// CPUID exits.
    pub cpuid: bool,
    /// RSM exits.
    pub rsm: bool,
    /// IRET exits.
    pub iret: bool,
    /// INT n exits.
    pub software_interrupt: bool,
    /// INVD exits.
    pub invd: bool,
    /// PAUSE exits.
    pub pause: bool,
    /// HLT exits.
    pub hlt: bool,
    /// INVLPG exits.
    pub invlpg: bool,
    /// INVLPGA exits.
    pub invlpga: bool,
    /// An access to a port that the I/O permission map marks exits.
    pub io: bool,
    /// An access to a register that the MSR permission map marks exits.
    pub msr: bool,
    /// A task switch exits.
    pub task_switch: bool,
    /// A processor frozen by FERR exits.
    pub ferr_freeze: bool,
    /// A shutdown exits.
    pub shutdown: bool,
}

/// What exits, fourth word of the intercept vector.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.9.
#[bitfield(u32)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct Intercepts2 {
    /// VMRUN exits; VMRUN refuses a VMCB in which this is clear.
    pub vmrun: bool,
    /// VMMCALL exits.
    pub vmmcall: bool,
    /// VMLOAD exits.
    pub vmload: bool,
    /// VMSAVE exits.
    pub vmsave: bool,
    /// STGI exits.
    pub stgi: bool,
    /// CLGI exits.
    pub clgi: bool,
    /// SKINIT exits.
    pub skinit: bool,
    /// RDTSCP exits.
    pub rdtscp: bool,
    /// ICEBP exits.
    pub icebp: bool,
    /// WBINVD and WBNOINVD exits.
    pub wbinvd: bool,
    /// MONITOR and MONITORX exits.
    pub monitor: bool,
    /// MWAIT and MWAITX exits.
    pub mwait: bool,
    /// MWAIT and MWAITX with the monitor armed exits.
    pub mwait_armed: bool,
    /// XSETBV exits.
    pub xsetbv: bool,
    /// RDPRU exits.
    pub rdpru: bool,
    /// A write of `EFER` exits, behind the instruction.
    pub efer_write: bool,
    /// A write of CR*n* exits behind the instruction if bit *n* is set.
    #[bits(16)]
    pub cr_write_after: u16,
}

/// What exits, fifth word of the intercept vector.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.9.
#[bitfield(u32)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct Intercepts3 {
    /// INVLPGB exits.
    pub invlpgb: bool,
    /// An INVLPGB that is not permitted exits.
    pub invlpgb_illegal: bool,
    /// INVPCID exits.
    pub invpcid: bool,
    /// MCOMMIT exits.
    pub mcommit: bool,
    /// TLBSYNC exits.
    pub tlbsync: bool,
    /// A bus lock beyond the threshold exits.
    pub bus_lock: bool,
    /// HLT with no virtual interrupt pending exits.
    pub idle_hlt: bool,
    #[bits(25)]
    __: u32,
}

/// The virtual interrupt that the guest sees, and how interrupts are virtualised.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.21.
#[bitfield(u64)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct VirtualInterrupt {
    /// `V_TPR`: the task priority of the guest.
    #[bits(8)]
    pub tpr: u8,
    /// `V_IRQ`: an interrupt is pending.
    pub pending: bool,
    /// `VGIF`: the guest's global interrupt flag.
    pub global_interrupt_flag: bool,
    __: bool,
    /// `V_NMI`: an NMI is pending.
    pub nmi_pending: bool,
    /// `V_NMI_MASK`: NMIs are masked.
    pub nmi_masked: bool,
    #[bits(3)]
    __: u8,
    /// `V_INTR_PRIO`: the priority of the pending interrupt.
    #[bits(4)]
    pub priority: u8,
    /// `V_IGN_TPR`: the pending interrupt ignores `V_TPR`.
    pub ignore_tpr: bool,
    #[bits(3)]
    __: u8,
    /// `V_INTR_MASKING`: RFLAGS.IF and TPR of the guest are virtual.
    pub masking: bool,
    /// `AMD Virtual GIF` is enabled for the guest.
    pub global_interrupt_flag_enable: bool,
    /// `V_NMI_ENABLE`: NMIs are virtualised.
    pub nmi_enable: bool,
    #[bits(3)]
    __: u8,
    /// The interrupt controller is virtualised in x2APIC mode.
    pub x2avic_enable: bool,
    /// The interrupt controller is virtualised.
    pub avic_enable: bool,
    /// `V_INTR_VECTOR`: the vector of the pending interrupt.
    #[bits(8)]
    pub vector: u8,
    #[bits(24)]
    __: u32,
}

/// What holds interrupts back in the guest.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.21.5.
#[bitfield(u64)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct InterruptShadow {
    /// The guest is in an interrupt shadow.
    pub shadow: bool,
    /// RFLAGS.IF of an SEV-ES guest.
    pub guest_interrupt_mask: bool,
    #[bits(62)]
    __: u64,
}

/// Nested paging and encryption.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.25.
#[bitfield(u64)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct NestedControl {
    /// `NP_ENABLE`: guest physical addresses are translated.
    pub nested_paging: bool,
    /// Secure encrypted virtualisation.
    pub sev: bool,
    /// Encrypted state.
    pub sev_es: bool,
    /// Guest mode execution trap.
    pub guest_mode_execute_trap: bool,
    /// Supervisor shadow stacks are restricted.
    pub supervisor_shadow_stack_check: bool,
    /// Virtual transparent encryption.
    pub virtual_transparent_encryption: bool,
    /// Guest page tables may be read-only.
    pub read_only_guest_tables: bool,
    /// The guest may execute INVLPGB and TLBSYNC.
    pub invlpgb_tlbsync: bool,
    #[bits(56)]
    __: u64,
}

/// An event to inject (`EVENTINJ`), or one whose delivery an exit interrupted (`EXITINTINFO`).
///
/// Source: APM volume 2, sections 15.7.2 and 15.20.
#[bitfield(u64)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct Event {
    /// Vector.
    #[bits(8)]
    pub vector: u8,
    /// 0 external interrupt, 2 NMI, 3 exception, 4 software interrupt.
    #[bits(3)]
    pub kind: u8,
    /// `error_code` counts.
    pub error_code_valid: bool,
    #[bits(19)]
    __: u32,
    /// There is an event.
    pub valid: bool,
    /// The error code that the exception pushes.
    #[bits(32)]
    pub error_code: u32,
}

/// Instructions and registers that are virtualised without an exit.
///
/// Source: APM volume 2, appendix B, table B-1, and sections 15.23 and 15.33.1.
#[bitfield(u64)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct VirtualizationExtensions {
    /// The last branch record is the guest's own.
    pub last_branch_record: bool,
    /// VMSAVE and VMLOAD act for the guest without an exit.
    pub vmsave_vmload: bool,
    #[bits(62)]
    __: u64,
}

/// What is unchanged since the last run of this VMCB on this processor and may come from a cache.
///
/// Source: APM volume 2, section 15.15.3.
#[bitfield(u32)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct CleanBits {
    /// Intercepts, TSC offset, pause filter.
    pub intercepts: bool,
    /// Addresses of the permission maps.
    pub permission_maps: bool,
    /// Address space identifier.
    pub asid: bool,
    /// Virtual interrupt.
    pub virtual_interrupt: bool,
    /// Nested paging: `N_CR3`, PAT.
    pub nested_paging: bool,
    /// CR0, CR3, CR4, `EFER`.
    pub control_registers: bool,
    /// DR6, DR7.
    pub debug_registers: bool,
    /// GDTR and IDTR.
    pub descriptor_tables: bool,
    /// ES, CS, SS, DS and the current privilege level.
    pub segments: bool,
    /// CR2.
    pub cr2: bool,
    /// The last branch record.
    pub last_branch_record: bool,
    /// The virtual interrupt controller.
    pub avic: bool,
    /// Shadow stacks.
    pub cet: bool,
    #[bits(19)]
    __: u32,
}
