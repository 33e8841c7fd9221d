//! The state save area of a VMCB.

use core::fmt;
use core::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::{SAVE_AREA_OFFSET, SystemCallRegisters, VmsaveState, debug, fields};
use crate::msr::{DebugControl, Efer, Pat};
use crate::segment::Segment;

/// The state save area of a guest without SEV-ES.
///
/// VMRUN and `#VMEXIT` use what belongs to a guest's execution, VMLOAD and VMSAVE the rest; each
/// field says whose it is. Source: APM volume 2, appendix B, table B-2.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct SaveArea {
    /// ES: VMRUN.
    pub es: Segment,
    /// CS: VMRUN.
    pub cs: Segment,
    /// SS: VMRUN.
    pub ss: Segment,
    /// DS: VMRUN.
    pub ds: Segment,
    /// FS with its hidden part: VMSAVE.
    pub fs: Segment,
    /// GS with its hidden part; the base is the live GS base: VMSAVE.
    pub gs: Segment,
    /// GDTR, of which limit and base count: VMRUN.
    pub gdtr: Segment,
    /// LDTR with its hidden part: VMSAVE.
    pub ldtr: Segment,
    /// IDTR, of which limit and base count: VMRUN.
    pub idtr: Segment,
    /// TR with its hidden part: VMSAVE.
    pub tr: Segment,
    reserved_0a0: [u8; 42],
    /// Virtual machine privilege level, of SEV-SNP guests alone.
    pub vmpl: u8,
    /// Current privilege level, 0 to 3: VMRUN.
    pub cpl: u8,
    reserved_0cc: [u8; 4],
    /// `EFER`; SVME must be set: VMRUN.
    pub efer: Efer,
    reserved_0d8: [u8; 8],
    /// Performance counter 0: control, where counters are virtualised, as the next eleven.
    pub perf_ctl0: u64,
    /// Performance counter 0.
    pub perf_ctr0: u64,
    /// Performance counter 1: control.
    pub perf_ctl1: u64,
    /// Performance counter 1.
    pub perf_ctr1: u64,
    /// Performance counter 2: control.
    pub perf_ctl2: u64,
    /// Performance counter 2.
    pub perf_ctr2: u64,
    /// Performance counter 3: control.
    pub perf_ctl3: u64,
    /// Performance counter 3.
    pub perf_ctr3: u64,
    /// Performance counter 4: control.
    pub perf_ctl4: u64,
    /// Performance counter 4.
    pub perf_ctr4: u64,
    /// Performance counter 5: control.
    pub perf_ctl5: u64,
    /// Performance counter 5.
    pub perf_ctr5: u64,
    reserved_140: [u8; 8],
    /// CR4: VMRUN.
    pub cr4: u64,
    /// CR3: VMRUN.
    pub cr3: u64,
    /// CR0: VMRUN.
    pub cr0: u64,
    /// DR7: VMRUN.
    pub dr7: u64,
    /// DR6: VMRUN.
    pub dr6: u64,
    /// RFLAGS: VMRUN.
    pub rflags: u64,
    /// RIP: VMRUN.
    pub rip: u64,
    reserved_180: [u8; 64],
    /// Instructions retired, where counters are virtualised, as the next two.
    pub instructions_retired: u64,
    /// Which performance counters have overflowed.
    pub perf_global_status: u64,
    /// Which performance counters count.
    pub perf_global_control: u32,
    reserved_1d4: [u8; 4],
    /// RSP: VMRUN.
    pub rsp: u64,
    /// `S_CET`, where shadow stacks exist: VMRUN.
    pub s_cet: u64,
    /// SSP, where shadow stacks exist: VMRUN.
    pub ssp: u64,
    /// `ISST_ADDR`, where shadow stacks exist: VMRUN.
    pub isst_addr: u64,
    /// RAX: VMRUN.
    pub rax: u64,
    /// The registers of the system-call instructions: VMSAVE.
    pub system_call: SystemCallRegisters,
    /// CR2: VMRUN.
    pub cr2: u64,
    reserved_248: [u8; 32],
    /// PAT of the guest, under nested paging: VMRUN.
    pub guest_pat: Pat,
    /// `DebugCtl`, where the last branch record is virtualised: VMRUN.
    pub debug_control: DebugControl,
    /// `BR_FROM`, as `debug_control`.
    pub branch_from: u64,
    /// `BR_TO`, as `debug_control`.
    pub branch_to: u64,
    /// `LASTEXCPFROM`, as `debug_control`.
    pub last_exception_from: u64,
    /// `LASTEXCPTO`, as `debug_control`.
    pub last_exception_to: u64,
    /// `DebugExtnCtl`, where the stack of branch records is virtualised.
    pub debug_extended_control: u64,
    reserved_2a0: [u8; 64],
    /// `SPEC_CTRL` of the guest, where that is virtualised: VMRUN.
    pub spec_ctrl: u64,
    reserved_2e8: [u8; 904],
    /// The stack of branch records, where that is virtualised; in the order of the registers.
    pub lbr_stack: [Branch; 16],
    /// Which branches are recorded, as `lbr_stack`.
    pub lbr_select: u64,
    /// Instruction-based sampling, where that is virtualised, as the next nine: control of fetches.
    pub ibs_fetch_ctl: u64,
    /// Linear address of the fetch.
    pub ibs_fetch_linaddr: u64,
    /// Control of operations.
    pub ibs_op_ctl: u64,
    /// Address of the operation's instruction.
    pub ibs_op_rip: u64,
    /// What the operation did.
    pub ibs_op_data: u64,
    /// More of it.
    pub ibs_op_data2: u64,
    /// More of it.
    pub ibs_op_data3: u64,
    /// Linear address of the data.
    pub ibs_dc_linaddr: u64,
    /// Target of the branch.
    pub ibs_branch_target: u64,
    /// Extended control of fetches.
    pub ibs_fetch_extended_ctl: u64,
}

/// A branch as the stack of branch records has it.
///
/// Source: APM volume 2, section 13.1.1.
#[repr(C)]
#[derive(Clone, Copy, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct Branch {
    /// Where it was taken.
    pub from: u64,
    /// Where it led.
    pub to: u64,
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} -> {:#x}", self.from, self.to)
    }
}

/// Offsets from the start of the save area, as appendix B and Linux' `struct vmcb_save_area` have
/// them.
const _: () = {
    assert!(offset_of!(SaveArea, es) == 0);
    assert!(offset_of!(SaveArea, cs) == 0x10);
    assert!(offset_of!(SaveArea, ss) == 0x20);
    assert!(offset_of!(SaveArea, ds) == 0x30);
    assert!(offset_of!(SaveArea, fs) == 0x40);
    assert!(offset_of!(SaveArea, gs) == 0x50);
    assert!(offset_of!(SaveArea, gdtr) == 0x60);
    assert!(offset_of!(SaveArea, ldtr) == 0x70);
    assert!(offset_of!(SaveArea, idtr) == 0x80);
    assert!(offset_of!(SaveArea, tr) == 0x90);
    assert!(offset_of!(SaveArea, vmpl) == 0xca);
    assert!(offset_of!(SaveArea, cpl) == 0xcb);
    assert!(offset_of!(SaveArea, efer) == 0xd0);
    assert!(offset_of!(SaveArea, cr4) == 0x148);
    assert!(offset_of!(SaveArea, cr3) == 0x150);
    assert!(offset_of!(SaveArea, cr0) == 0x158);
    assert!(offset_of!(SaveArea, dr7) == 0x160);
    assert!(offset_of!(SaveArea, dr6) == 0x168);
    assert!(offset_of!(SaveArea, rflags) == 0x170);
    assert!(offset_of!(SaveArea, rip) == 0x178);
    assert!(offset_of!(SaveArea, rsp) == 0x1d8);
    assert!(offset_of!(SaveArea, s_cet) == 0x1e0);
    assert!(offset_of!(SaveArea, ssp) == 0x1e8);
    assert!(offset_of!(SaveArea, isst_addr) == 0x1f0);
    assert!(offset_of!(SaveArea, rax) == 0x1f8);
    assert!(offset_of!(SaveArea, system_call) == 0x200);
    assert!(offset_of!(SaveArea, cr2) == 0x240);
    assert!(offset_of!(SaveArea, guest_pat) == 0x268);
    assert!(offset_of!(SaveArea, debug_control) == 0x270);
    assert!(offset_of!(SaveArea, branch_from) == 0x278);
    assert!(offset_of!(SaveArea, branch_to) == 0x280);
    assert!(offset_of!(SaveArea, last_exception_from) == 0x288);
    assert!(offset_of!(SaveArea, last_exception_to) == 0x290);
    assert!(offset_of!(SaveArea, spec_ctrl) == 0x2e0);
    assert!(offset_of!(SaveArea, perf_ctl0) == 0xe0);
    assert!(offset_of!(SaveArea, perf_ctr5) == 0x138);
    assert!(offset_of!(SaveArea, instructions_retired) == 0x1c0);
    assert!(offset_of!(SaveArea, perf_global_control) == 0x1d0);
    assert!(offset_of!(SaveArea, debug_extended_control) == 0x298);
    assert!(offset_of!(SaveArea, lbr_stack) == 0x670);
    assert!(offset_of!(SaveArea, lbr_select) == 0x770);
    assert!(offset_of!(SaveArea, ibs_fetch_ctl) == 0x778);
    assert!(offset_of!(SaveArea, ibs_fetch_extended_ctl) == 0x7c0);
    assert!(size_of::<SaveArea>() == 0x7C8);
};

impl SaveArea {
    /// Zeros. VMRUN refuses it until `efer` has `svme`; under nested paging, a `guest_pat` of zeros
    /// makes all memory uncacheable, and [`Pat::AFTER_RESET`] is what a guest expects.
    #[must_use]
    pub const fn new() -> Self {
        bytemuck::zeroed()
    }

    /// The part that VMSAVE stores and VMLOAD loads.
    #[must_use]
    pub fn vmsave_state(&self) -> VmsaveState {
        VmsaveState {
            fs: self.fs,
            gs: self.gs,
            ldtr: self.ldtr,
            tr: self.tr,
            system_call: self.system_call,
        }
    }

    /// Replaces the part that VMSAVE stores and VMLOAD loads.
    pub fn set_vmsave_state(&mut self, state: &VmsaveState) {
        self.fs = state.fs;
        self.gs = state.gs;
        self.ldtr = state.ldtr;
        self.tr = state.tr;
        self.system_call = state.system_call;
    }
}

impl Default for SaveArea {
    fn default() -> Self {
        Self::new()
    }
}

/// What is not zero, in hexadecimal, by the names of [`fields::VMCB`].
impl fmt::Debug for SaveArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::page(
            f,
            "SaveArea",
            bytemuck::bytes_of(self),
            SAVE_AREA_OFFSET,
            fields::VMCB,
        )
    }
}
