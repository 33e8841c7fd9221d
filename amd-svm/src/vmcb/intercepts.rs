//! What exits: the intercept vectors of a VMCB.

use bitfield_struct::bitfield;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

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
