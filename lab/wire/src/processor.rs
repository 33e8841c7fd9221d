//! The registers of one processor: read as ground truth, or set by a test.

use serde::{Deserialize, Serialize};

/// The model-specific registers that VMSAVE saves or that decide about it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ModelSpecificRegisters {
    /// MSR `C000_0080`.
    pub efer: u64,
    /// MSR `C000_0081`.
    pub star: u64,
    /// MSR `C000_0082`.
    pub lstar: u64,
    /// MSR `C000_0083`.
    pub cstar: u64,
    /// MSR `C000_0084`.
    pub sfmask: u64,
    /// MSR `C000_0100`.
    pub fs_base: u64,
    /// MSR `C000_0101`.
    pub gs_base: u64,
    /// MSR `C000_0102`.
    pub kernel_gs_base: u64,
    /// MSR `0174h`.
    pub sysenter_cs: u64,
    /// MSR `0175h`.
    pub sysenter_esp: u64,
    /// MSR `0176h`.
    pub sysenter_eip: u64,
}

/// A selector and the descriptor that it names, as the table in memory has it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct SelectedDescriptor {
    /// The visible part of the segment register.
    pub selector: u16,
    /// The descriptor's first eight bytes; zero for a null selector.
    pub descriptor: u64,
    /// The descriptor's upper eight bytes; zero but for system descriptors.
    pub descriptor_high: u64,
}

/// Where a descriptor table lies.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct DescriptorTable {
    /// Linear address of the first entry.
    pub base: u64,
    /// Last valid byte, counted from the base.
    pub limit: u16,
}

/// What a processor's registers hold, read by the lab kernel itself on that
/// processor, with RDMSR, STR, SLDT, SGDT and moves, never with VMSAVE.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProcessorState {
    /// System-wide index.
    pub index: u32,
    /// Group that the index falls into.
    pub group: u16,
    /// Number inside the group.
    pub number: u8,
    /// Local APIC identifier.
    pub apic_id: u32,
    /// The model-specific registers.
    pub msrs: ModelSpecificRegisters,
    /// CS.
    pub cs: SelectedDescriptor,
    /// SS.
    pub ss: SelectedDescriptor,
    /// DS.
    pub ds: SelectedDescriptor,
    /// ES.
    pub es: SelectedDescriptor,
    /// FS.
    pub fs: SelectedDescriptor,
    /// GS.
    pub gs: SelectedDescriptor,
    /// The task register.
    pub tr: SelectedDescriptor,
    /// The local descriptor table register.
    pub ldtr: SelectedDescriptor,
    /// The global descriptor table.
    pub gdt: DescriptorTable,
    /// The interrupt descriptor table.
    pub idt: DescriptorTable,
    /// CR0.
    pub cr0: u64,
    /// CR3.
    pub cr3: u64,
    /// CR4.
    pub cr4: u64,
    /// CR8, which is the IRQL.
    pub cr8: u64,
    /// RFLAGS with interrupts as they are when a thread runs here.
    pub rflags: u64,
}

/// Registers of one processor that a test wants to hold other values.
///
/// `None` leaves a register as it is. Nothing that the lab kernel itself needs
/// can be broken with these: it finds its own data through the GDT's address.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProcessorChange {
    /// EFER.SVME.
    pub svme: Option<bool>,
    /// STAR.
    pub star: Option<u64>,
    /// LSTAR; canonical.
    pub lstar: Option<u64>,
    /// CSTAR; canonical.
    pub cstar: Option<u64>,
    /// SFMASK.
    pub sfmask: Option<u64>,
    /// FS base; canonical.
    pub fs_base: Option<u64>,
    /// GS base; canonical.
    pub gs_base: Option<u64>,
    /// `KernelGsBase`; canonical.
    pub kernel_gs_base: Option<u64>,
    /// `SYSENTER_CS`.
    pub sysenter_cs: Option<u64>,
    /// `SYSENTER_ESP`; canonical.
    pub sysenter_esp: Option<u64>,
    /// `SYSENTER_EIP`; canonical.
    pub sysenter_eip: Option<u64>,
    /// Descriptor that FS is reloaded from. It must be a present data segment of DPL 3.
    pub fs_descriptor: Option<u64>,
    /// Descriptor that GS is reloaded from (it then differs from DS and ES,
    /// which keep what they were loaded with). It must be a present data segment of DPL 3.
    pub gs_descriptor: Option<u64>,
    /// Limit in bytes of the task state segment, at least 67h.
    pub tss_limit: Option<u32>,
}
