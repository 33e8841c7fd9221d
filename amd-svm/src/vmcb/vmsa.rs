//! The state save area of an SEV-ES guest: a page of its own, encrypted, with a layout of its own.

use core::fmt;
use core::mem::offset_of;

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

use super::{Branch, Event, ExitCode, SystemCallRegisters, debug, fields};
use crate::msr::{DebugControl, Efer, Pat};
use crate::segment::Segment;

/// Size and alignment of a [`Vmsa`] in bytes.
pub const VMSA_SIZE: usize = 4096;

/// Features of an SEV-SNP guest: `SEV_FEATURES`.
///
/// Source: APM volume 2, appendix B, table B-4, offset 3B0h.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct SevFeatures {
    /// Secure nested paging.
    pub secure_nested_paging: bool,
    /// `VIRTUAL_TOM` divides private memory from shared.
    pub virtual_top_of_memory: bool,
    /// `#VC` goes to the privilege level above.
    pub reflect_vc: bool,
    /// Injection is restricted to `#HV`.
    pub restricted_injection: bool,
    /// Injection is by this page.
    pub alternate_injection: bool,
    /// Debug registers are swapped.
    pub debug_virtualization: bool,
    /// The host may not sample the guest.
    pub prevent_host_ibs: bool,
    /// Branch targets are isolated.
    pub btb_isolation: bool,
    /// Supervisor shadow stacks are checked for each privilege level.
    pub vmpl_shadow_stack: bool,
    /// The time-stamp counter is the guest's.
    pub secure_tsc: bool,
    /// VMGEXIT passes a parameter.
    pub vmgexit_parameter: bool,
    /// Performance counters are virtualised.
    pub performance_counters: bool,
    /// Instruction-based sampling is virtualised.
    pub instruction_based_sampling: bool,
    /// The guest has a say in what is intercepted.
    pub guest_intercept_control: bool,
    /// This page is protected by a nonce.
    pub register_protection: bool,
    /// The sibling thread is idle.
    pub smt_protection: bool,
    /// The virtual interrupt controller is the guest's.
    pub secure_avic: bool,
    #[bits(4)]
    __: u8,
    /// Indirect branch predictions are dropped on entry.
    pub ibpb_on_entry: bool,
    #[bits(42)]
    __: u64,
}

/// Defines the page from rows of offset and member, with its gaps, and asserts each offset.
macro_rules! layout {
    ($($(#[$doc:meta])* $offset:literal $visibility:vis $member:ident: $type:ty,)+) => {
        /// The state save area of an SEV-ES guest, as it is before it is encrypted.
        ///
        /// It begins at the page's first byte: what is at 400h in a [`Vmcb`](super::Vmcb) is at 0
        /// here. Source: APM volume 2, section 15.35 and appendix B, table B-4.
        #[repr(C, align(4096))]
        #[derive(Clone, Copy, Pod, Zeroable)]
        pub struct Vmsa {
            $($(#[$doc])* $visibility $member: $type,)+
        }

        $(const _: () = assert!(offset_of!(Vmsa, $member) == $offset);)+
        const _: () = assert!(size_of::<Vmsa>() == VMSA_SIZE);
    };
}

layout! {
    /// ES.
    0x000 pub es: Segment,
    /// CS.
    0x010 pub cs: Segment,
    /// SS.
    0x020 pub ss: Segment,
    /// DS.
    0x030 pub ds: Segment,
    /// FS.
    0x040 pub fs: Segment,
    /// GS.
    0x050 pub gs: Segment,
    /// GDTR, of which limit and base count.
    0x060 pub gdtr: Segment,
    /// LDTR.
    0x070 pub ldtr: Segment,
    /// IDTR, of which limit and base count.
    0x080 pub idtr: Segment,
    /// TR.
    0x090 pub tr: Segment,
    /// Shadow stack pointer of privilege level 0.
    0x0A0 pub pl0_ssp: u64,
    /// Of privilege level 1.
    0x0A8 pub pl1_ssp: u64,
    /// Of privilege level 2.
    0x0B0 pub pl2_ssp: u64,
    /// Of privilege level 3.
    0x0B8 pub pl3_ssp: u64,
    /// `U_CET`.
    0x0C0 pub u_cet: u64,
    0x0C8 reserved_0c8: [u8; 2],
    /// Virtual machine privilege level.
    0x0CA pub vmpl: u8,
    /// Current privilege level, 0 to 3.
    0x0CB pub cpl: u8,
    0x0CC reserved_0cc: [u8; 4],
    /// `EFER`.
    0x0D0 pub efer: Efer,
    0x0D8 reserved_0d8: [u8; 8],
    /// Performance counter 0: control.
    0x0E0 pub perf_ctl0: u64,
    /// Performance counter 0.
    0x0E8 pub perf_ctr0: u64,
    /// Performance counter 1: control.
    0x0F0 pub perf_ctl1: u64,
    /// Performance counter 1.
    0x0F8 pub perf_ctr1: u64,
    /// Performance counter 2: control.
    0x100 pub perf_ctl2: u64,
    /// Performance counter 2.
    0x108 pub perf_ctr2: u64,
    /// Performance counter 3: control.
    0x110 pub perf_ctl3: u64,
    /// Performance counter 3.
    0x118 pub perf_ctr3: u64,
    /// Performance counter 4: control.
    0x120 pub perf_ctl4: u64,
    /// Performance counter 4.
    0x128 pub perf_ctr4: u64,
    /// Performance counter 5: control.
    0x130 pub perf_ctl5: u64,
    /// Performance counter 5.
    0x138 pub perf_ctr5: u64,
    /// `XSS`.
    0x140 pub xss: u64,
    /// CR4.
    0x148 pub cr4: u64,
    /// CR3.
    0x150 pub cr3: u64,
    /// CR0.
    0x158 pub cr0: u64,
    /// DR7.
    0x160 pub dr7: u64,
    /// DR6.
    0x168 pub dr6: u64,
    /// RFLAGS.
    0x170 pub rflags: u64,
    /// RIP.
    0x178 pub rip: u64,
    /// DR0.
    0x180 pub dr0: u64,
    /// DR1.
    0x188 pub dr1: u64,
    /// DR2.
    0x190 pub dr2: u64,
    /// DR3.
    0x198 pub dr3: u64,
    /// Which address bits DR0 ignores.
    0x1A0 pub dr0_addr_mask: u64,
    /// Which address bits DR1 ignores.
    0x1A8 pub dr1_addr_mask: u64,
    /// Which address bits DR2 ignores.
    0x1B0 pub dr2_addr_mask: u64,
    /// Which address bits DR3 ignores.
    0x1B8 pub dr3_addr_mask: u64,
    /// Instructions retired.
    0x1C0 pub instructions_retired: u64,
    /// Which performance counters have overflowed.
    0x1C8 pub perf_global_status: u64,
    /// Which performance counters count.
    0x1D0 pub perf_global_control: u32,
    0x1D4 reserved_1d4: [u8; 4],
    /// RSP.
    0x1D8 pub rsp: u64,
    /// `S_CET`.
    0x1E0 pub s_cet: u64,
    /// SSP.
    0x1E8 pub ssp: u64,
    /// `ISST_ADDR`.
    0x1F0 pub isst_addr: u64,
    /// RAX.
    0x1F8 pub rax: u64,
    /// The registers of the system-call instructions.
    0x200 pub system_call: SystemCallRegisters,
    /// CR2.
    0x240 pub cr2: u64,
    0x248 reserved_248: [u8; 32],
    /// PAT.
    0x268 pub guest_pat: Pat,
    /// `DebugCtl`.
    0x270 pub debug_control: DebugControl,
    /// `BR_FROM`.
    0x278 pub branch_from: u64,
    /// `BR_TO`.
    0x280 pub branch_to: u64,
    /// `LASTEXCPFROM`.
    0x288 pub last_exception_from: u64,
    /// `LASTEXCPTO`.
    0x290 pub last_exception_to: u64,
    /// `DebugExtnCfg`.
    0x298 pub debug_extended_control: u64,
    0x2A0 reserved_2a0: [u8; 64],
    /// `SPEC_CTRL`.
    0x2E0 pub spec_ctrl: u64,
    /// PKRU.
    0x2E8 pub pkru: u32,
    /// `TSC_AUX`.
    0x2EC pub tsc_aux: u32,
    /// What the guest's time-stamp counter is multiplied by.
    0x2F0 pub guest_tsc_scale: u64,
    /// What is added to it.
    0x2F8 pub guest_tsc_offset: u64,
    /// The nonce that protects this page.
    0x300 pub register_protection_nonce: u64,
    /// RCX.
    0x308 pub rcx: u64,
    /// RDX.
    0x310 pub rdx: u64,
    /// RBX.
    0x318 pub rbx: u64,
    /// Control of the secure virtual interrupt controller.
    0x320 pub secure_avic_ctl: u64,
    /// RBP.
    0x328 pub rbp: u64,
    /// RSI.
    0x330 pub rsi: u64,
    /// RDI.
    0x338 pub rdi: u64,
    /// R8.
    0x340 pub r8: u64,
    /// R9.
    0x348 pub r9: u64,
    /// R10.
    0x350 pub r10: u64,
    /// R11.
    0x358 pub r11: u64,
    /// R12.
    0x360 pub r12: u64,
    /// R13.
    0x368 pub r13: u64,
    /// R14.
    0x370 pub r14: u64,
    /// R15.
    0x378 pub r15: u64,
    0x380 reserved_380: [u8; 16],
    /// `GUEST_EXITINFO1`, of automatic exits.
    0x390 pub guest_exit_info_1: u64,
    /// `GUEST_EXITINFO2`.
    0x398 pub guest_exit_info_2: u64,
    /// `GUEST_EXITINTINFO`.
    0x3A0 pub guest_exit_interrupt_info: Event,
    /// `GUEST_NRIP`.
    0x3A8 pub guest_next_rip: u64,
    /// Features of the guest.
    0x3B0 pub sev_features: SevFeatures,
    /// `VINTR_CTRL`: the virtual interrupt, in the layout of this page.
    0x3B8 pub virtual_interrupt: u64,
    /// `GUEST_EXITCODE`.
    0x3C0 pub guest_exit_code: ExitCode,
    /// Where shared memory begins.
    0x3C8 pub virtual_top_of_memory: u64,
    /// Which translations are this guest's.
    0x3D0 pub tlb_id: u64,
    /// Which physical processor ran it last.
    0x3D8 pub physical_processor: u64,
    /// The event that is delivered to the guest.
    0x3E0 pub event_injection: Event,
    /// XCR0.
    0x3E8 pub xcr0: u64,
    0x3F0 reserved_3f0: [u8; 16],
    /// x87 data pointer.
    0x400 pub x87_dp: u64,
    /// MXCSR.
    0x408 pub mxcsr: u32,
    /// x87 tag word.
    0x40C pub x87_ftw: u16,
    /// x87 status word.
    0x40E pub x87_fsw: u16,
    /// x87 control word.
    0x410 pub x87_fcw: u16,
    /// x87 opcode.
    0x412 pub x87_fop: u16,
    /// x87 data segment.
    0x414 pub x87_ds: u16,
    /// x87 code segment.
    0x416 pub x87_cs: u16,
    /// x87 instruction pointer.
    0x418 pub x87_rip: u64,
    /// x87 registers, in the order of the stack.
    0x420 pub x87: [u8; 80],
    /// XMM0 to XMM15.
    0x470 pub xmm: [u8; 256],
    /// Upper halves of YMM0 to YMM15.
    0x570 pub ymm_high: [u8; 256],
    /// The stack of branch records.
    0x670 pub lbr_stack: [Branch; 16],
    /// Which branches are recorded.
    0x770 pub lbr_select: u64,
    /// Instruction-based sampling: control of fetches.
    0x778 pub ibs_fetch_ctl: u64,
    /// Linear address of the fetch.
    0x780 pub ibs_fetch_linaddr: u64,
    /// Control of operations.
    0x788 pub ibs_op_ctl: u64,
    /// Address of the operation's instruction.
    0x790 pub ibs_op_rip: u64,
    /// What the operation did.
    0x798 pub ibs_op_data: u64,
    /// More of it.
    0x7A0 pub ibs_op_data2: u64,
    /// More of it.
    0x7A8 pub ibs_op_data3: u64,
    /// Linear address of the data.
    0x7B0 pub ibs_dc_linaddr: u64,
    /// Target of the branch.
    0x7B8 pub ibs_branch_target: u64,
    /// Extended control of fetches.
    0x7C0 pub ibs_fetch_extended_ctl: u64,
    0x7C8 reserved_7c8: [u8; 312],
    /// The intercept vectors that the guest controls.
    0x900 pub intercept_vectors: [u32; 8],
    /// The registers whose accesses the guest lets exit.
    0x920 pub intercept_msr_vectors: [u64; 4],
    0x940 reserved_940: [u8; 64],
    /// K0 to K7 of AVX-512.
    0x980 pub opmask: [u8; 64],
    /// Upper halves of ZMM0 to ZMM15.
    0x9C0 pub zmm_high: [u8; 512],
    /// ZMM16 to ZMM31.
    0xBC0 pub zmm_16_to_31: [u8; 1024],
    0xFC0 reserved_fc0: [u8; 64],
}

impl Vmsa {
    /// Zeros.
    #[must_use]
    pub const fn new() -> Self {
        bytemuck::zeroed()
    }
}

impl Default for Vmsa {
    fn default() -> Self {
        Self::new()
    }
}

/// What is not zero, in hexadecimal, by the names of [`fields::VMSA`].
impl fmt::Debug for Vmsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::page(f, "Vmsa", bytemuck::bytes_of(self), 0, fields::VMSA)
    }
}
