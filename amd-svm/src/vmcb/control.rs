//! The control area of a VMCB: what exits, what is virtualised, and why the guest exited.

use core::fmt;
use core::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{
    AvicPhysicalTable, CleanBits, Event, ExceptionIntercepts, ExitCode, Intercepts1, Intercepts2,
    Intercepts3, InterruptShadow, NestedControl, RegisterIntercepts, ReturnPredictor,
    SAVE_AREA_OFFSET, TlbControl, VirtualInterrupt, VirtualizationExtensions, debug, fields,
};

/// The control area.
///
/// Source: APM volume 2, appendix B, table B-1.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct ControlArea {
    /// A read of CR*n* exits if bit *n* is set.
    pub cr_reads: RegisterIntercepts,
    /// A write of CR*n* exits if bit *n* is set.
    pub cr_writes: RegisterIntercepts,
    /// A read of DR*n* exits if bit *n* is set.
    pub dr_reads: RegisterIntercepts,
    /// A write of DR*n* exits if bit *n* is set.
    pub dr_writes: RegisterIntercepts,
    /// An exception of vector *n* exits if bit *n* is set.
    pub exceptions: ExceptionIntercepts,
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
    /// What the guest has of the return address predictor.
    pub return_predictor: ReturnPredictor,
    reserved_05e: [u8; 2],
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
    /// Its table of physical identifiers.
    pub avic_physical_table: AvicPhysicalTable,
    reserved_100: [u8; 8],
    /// Physical address of an SEV-ES guest's state.
    pub vmsa: u64,
    /// `VMGEXIT_RAX`: RAX of an SEV-ES guest at VMGEXIT, where the guest lets it out.
    pub vmgexit_rax: u64,
    /// `VMGEXIT_CPL`: its current privilege level there.
    pub vmgexit_cpl: u8,
    reserved_119: [u8; 7],
    /// Bus locks that do not exit.
    pub bus_lock_threshold: u16,
    reserved_122: [u8; 18],
    /// `UPDATE_IRR`: bit 0 has VMRUN hand `requested_interrupts` to the guest.
    pub update_irr: u32,
    /// Features that an SEV guest may have, as [`SevFeatures`](super::SevFeatures) has them, where
    /// [`ALLOWED_SEV_FEATURES_ENABLED`](Self::ALLOWED_SEV_FEATURES_ENABLED) is set.
    pub allowed_sev_features: u64,
    /// Features that an SEV guest has.
    pub guest_sev_features: u64,
    reserved_148: [u8; 8],
    /// `REQUESTED_IRR`: the interrupts that are offered to the guest, one bit for each vector.
    pub requested_irr: [u8; 32],
    reserved_170: [u8; 624],
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
    assert!(offset_of!(ControlArea, return_predictor) == 0x5d);
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
    assert!(offset_of!(ControlArea, vmgexit_rax) == 0x110);
    assert!(offset_of!(ControlArea, vmgexit_cpl) == 0x118);
    assert!(offset_of!(ControlArea, bus_lock_threshold) == 0x120);
    assert!(offset_of!(ControlArea, update_irr) == 0x134);
    assert!(offset_of!(ControlArea, allowed_sev_features) == 0x138);
    assert!(offset_of!(ControlArea, guest_sev_features) == 0x140);
    assert!(offset_of!(ControlArea, requested_irr) == 0x150);
    assert!(offset_of!(ControlArea, host_use) == 0x3e0);
    assert!(size_of::<ControlArea>() == SAVE_AREA_OFFSET);
};

impl ControlArea {
    /// The bit of `allowed_sev_features` by which the others count: VMRUN refuses a guest that has
    /// another feature then.
    ///
    /// Source: APM volume 2, section 15.36.20 and appendix B, table B-1 (`ALLOWED_SEV_FEATURES_EN`).
    pub const ALLOWED_SEV_FEATURES_ENABLED: u64 = 1 << 63;

    /// Zeros: nothing exits, nothing is virtualised, and VMRUN refuses it until `intercepts_2` has
    /// `vmrun` and `asid` is not 0.
    #[must_use]
    pub const fn new() -> Self {
        bytemuck::zeroed()
    }
}

impl Default for ControlArea {
    fn default() -> Self {
        Self::new()
    }
}

/// What is not zero, in hexadecimal, by the names of [`fields::VMCB`].
impl fmt::Debug for ControlArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::page(f, "ControlArea", bytemuck::bytes_of(self), 0, fields::VMCB)
    }
}
