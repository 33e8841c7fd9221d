//! How a guest's interrupts are virtualised, and what holds them back.

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

/// The virtual interrupt that the guest sees, and how interrupts are virtualised.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.21.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
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
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct InterruptShadow {
    /// The guest is in an interrupt shadow.
    pub shadow: bool,
    /// RFLAGS.IF of an SEV-ES guest.
    pub guest_interrupt_mask: bool,
    #[bits(62)]
    __: u64,
}
