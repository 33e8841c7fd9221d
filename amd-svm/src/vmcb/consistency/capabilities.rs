//! What a processor and its host have that the conditions depend on.

use crate::Processor;
use crate::cpuid::{self, CpuidResult, SvmFeatures};
use crate::msr::Efer;
use crate::registers::{Cr0, Cr4};

/// Structured extended features.
const LEAF_STRUCTURED: u32 = 7;
/// Widths of addresses, and features in EBX.
const LEAF_CAPACITIES: u32 = 0x8000_0008;
/// Encrypted guests: ECX is their number.
const LEAF_ENCRYPTION: u32 = 0x8000_001F;
/// More extended features.
const LEAF_EXTENDED_2: u32 = 0x8000_0021;

/// The widest physical address that the architecture has, in bits.
const WIDEST: u8 = 52;

/// What a processor has, and the host on it, as far as VMRUN's conditions depend on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The width of physical addresses, in bits.
    pub physical_address_bits: u8,
    /// The bits of `EFER` that may be set.
    pub efer: Efer,
    /// The bits of CR4 that may be set.
    pub cr4: Cr4,
    /// Features of SVM.
    pub features: SvmFeatures,
    /// `x2AVIC_EXT`: more than 512 virtual processors.
    pub x2avic_extended: bool,
    /// The highest address space identifier of an encrypted guest; 0 where SEV is not on.
    pub sev_asids: u32,
    /// The host has paging on.
    pub host_paging: bool,
    /// The host is in long mode.
    pub host_long_mode: bool,
}

impl Capabilities {
    /// A processor that has all that the manual defines, with a 64-bit host: a VMCB that breaks a
    /// condition there breaks it everywhere, if the feature is there at all. For dumps of a machine
    /// that is not known.
    pub const ANY: Self = Self {
        physical_address_bits: WIDEST,
        efer: every_efer(),
        cr4: every_cr4(),
        features: SvmFeatures::from_bits(u32::MAX),
        x2avic_extended: true,
        sev_asids: u32::MAX,
        host_paging: true,
        host_long_mode: true,
    };

    /// What a processor says of itself by CPUID, with a host whose CR0 and `EFER` are these. SEV is
    /// taken to be on if the processor has it.
    pub fn of(processor: &mut impl Processor, host_cr0: Cr0, host_efer: Efer) -> Self {
        let highest = processor.cpuid(cpuid::LEAF_EXTENDED, 0).eax;
        let mut extended = |leaf| {
            if leaf <= highest {
                processor.cpuid(leaf, 0)
            } else {
                CpuidResult::default()
            }
        };
        let capacities = extended(LEAF_CAPACITIES);
        let encryption = extended(LEAF_ENCRYPTION);
        let svm = extended(cpuid::LEAF_SVM);
        let features = extended(cpuid::LEAF_EXTENDED_FEATURES);
        let more = extended(LEAF_EXTENDED_2);
        let standard = processor.cpuid(cpuid::LEAF_FEATURES, 0);
        let structured = if processor.cpuid(cpuid::LEAF_VENDOR, 0).eax >= LEAF_STRUCTURED {
            processor.cpuid(LEAF_STRUCTURED, 0)
        } else {
            CpuidResult::default()
        };
        Self {
            physical_address_bits: match capacities.eax.to_le_bytes()[0] {
                0 => 36,
                bits => bits,
            },
            efer: efer(features, capacities, more),
            cr4: cr4(standard, structured),
            features: SvmFeatures::from(svm.edx),
            x2avic_extended: bit(svm.ecx, 6),
            sev_asids: if bit(encryption.eax, 1) {
                encryption.ecx
            } else {
                0
            },
            host_paging: host_cr0.paging(),
            host_long_mode: host_efer.long_mode_active(),
        }
    }
}

const fn bit(word: u32, number: u32) -> bool {
    word >> number & 1 == 1
}

/// Source: APM volume 2, section 3.1.7; volume 3, appendix E, functions `8000_0001`, `8000_0008`
/// and `8000_0021`.
fn efer(features: CpuidResult, capacities: CpuidResult, more: CpuidResult) -> Efer {
    let long_mode = bit(features.edx, 29);
    Efer::new()
        .with_system_call(bit(features.edx, 11))
        .with_long_mode_enable(long_mode)
        .with_long_mode_active(long_mode)
        .with_no_execute(bit(features.edx, 20))
        .with_svme(bit(features.ecx, 2))
        .with_long_mode_segment_limit(!bit(capacities.ebx, 20))
        .with_fast_fxsave(bit(features.edx, 25))
        .with_translation_cache_extension(bit(features.ecx, 17))
        .with_mcommit(bit(capacities.ebx, 8))
        .with_interruptible_wbinvd(bit(capacities.ebx, 13))
        .with_upper_address_ignore(bit(more.eax, 7))
        .with_automatic_ibrs(bit(more.eax, 8))
}

/// Source: APM volume 2, section 3.1.3; volume 3, appendix E, functions `0000_0001` and
/// `0000_0007`.
fn cr4(standard: CpuidResult, structured: CpuidResult) -> Cr4 {
    Cr4::new()
        .with_virtual_8086_extensions(bit(standard.edx, 1))
        .with_protected_virtual_interrupts(bit(standard.edx, 1))
        .with_debugging_extensions(bit(standard.edx, 2))
        .with_page_size_extensions(bit(standard.edx, 3))
        .with_time_stamp_disable(bit(standard.edx, 4))
        .with_physical_address_extension(bit(standard.edx, 6))
        .with_machine_check(bit(standard.edx, 7))
        .with_global_pages(bit(standard.edx, 13))
        .with_performance_counters(true)
        .with_fxsave(bit(standard.edx, 24))
        .with_simd_exceptions(bit(standard.edx, 25))
        .with_user_mode_instruction_prevention(bit(structured.ecx, 2))
        .with_five_levels(bit(structured.ecx, 16))
        .with_fs_gs_base(bit(structured.ebx, 0))
        .with_process_context_identifiers(bit(standard.ecx, 17))
        .with_xsave(bit(standard.ecx, 26))
        .with_supervisor_execution_prevention(bit(structured.ebx, 7))
        .with_supervisor_access_prevention(bit(structured.ebx, 20))
        .with_protection_keys(bit(structured.ecx, 3))
        .with_shadow_stacks(bit(structured.ecx, 7))
}

/// Every bit of `EFER` that the manual defines.
const fn every_efer() -> Efer {
    Efer::new()
        .with_system_call(true)
        .with_long_mode_enable(true)
        .with_long_mode_active(true)
        .with_no_execute(true)
        .with_svme(true)
        .with_long_mode_segment_limit(true)
        .with_fast_fxsave(true)
        .with_translation_cache_extension(true)
        .with_mcommit(true)
        .with_interruptible_wbinvd(true)
        .with_upper_address_ignore(true)
        .with_automatic_ibrs(true)
}

/// Every bit of CR4 that the manual defines.
const fn every_cr4() -> Cr4 {
    Cr4::from_bits(0x00F7_1FFF)
}
