//! The state save area of a VMCB.

use core::mem::offset_of;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{SystemCallRegisters, VmsaveState};
use crate::{msr::Efer, segment::Segment};

/// The state save area of a guest without SEV-ES.
///
/// VMRUN and `#VMEXIT` use what belongs to a guest's execution, VMLOAD and VMSAVE the rest; each
/// field says whose it is. Source: APM volume 2, appendix B, table B-2.
#[repr(C)]
#[derive(Clone, FromBytes, Immutable, IntoBytes, KnownLayout)]
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
    reserved_0d8: [u8; 112],
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
    reserved_180: [u8; 88],
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
    pub guest_pat: u64,
    /// `DebugCtl`, where the last branch record is virtualised: VMRUN.
    pub debug_control: u64,
    /// `BR_FROM`, as `debug_control`.
    pub branch_from: u64,
    /// `BR_TO`, as `debug_control`.
    pub branch_to: u64,
    /// `LASTEXCPFROM`, as `debug_control`.
    pub last_exception_from: u64,
    /// `LASTEXCPTO`, as `debug_control`.
    pub last_exception_to: u64,
    reserved_298: [u8; 72],
    /// `SPEC_CTRL` of the guest, where that is virtualised: VMRUN.
    pub spec_ctrl: u64,
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
    assert!(size_of::<SaveArea>() == 0x2E8);
};

impl SaveArea {
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
