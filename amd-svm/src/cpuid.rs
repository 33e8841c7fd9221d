//! What CPUID says about SVM.

use bitfield_struct::bitfield;

use crate::Processor;

/// Highest standard leaf, and the vendor's name in EBX, EDX, ECX.
pub const LEAF_VENDOR: u32 = 0;
/// Standard features; ECX bit 31 is set by hypervisors.
pub const LEAF_FEATURES: u32 = 1;
/// Highest hypervisor leaf, and the hypervisor's name in EBX, ECX, EDX.
pub const LEAF_HYPERVISOR: u32 = 0x4000_0000;
/// Highest extended leaf in EAX.
pub const LEAF_EXTENDED: u32 = 0x8000_0000;
/// Extended features; ECX bit 2 stands for SVM.
pub const LEAF_EXTENDED_FEATURES: u32 = 0x8000_0001;
/// SVM revision and features.
pub const LEAF_SVM: u32 = 0x8000_000A;

const FEATURES_ECX_HYPERVISOR: u32 = 1 << 31;
const EXTENDED_FEATURES_ECX_SVM: u32 = 1 << 2;

/// The four registers that CPUID returns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CpuidResult {
    /// EAX.
    pub eax: u32,
    /// EBX.
    pub ebx: u32,
    /// ECX.
    pub ecx: u32,
    /// EDX.
    pub edx: u32,
}

/// The twelve letters by which a processor or a hypervisor names its maker; zeros where none.
pub type Signature = [u8; 12];

/// Processors that implement SVM call themselves one of these.
pub const SVM_VENDORS: [Signature; 2] = [*b"AuthenticAMD", *b"HygonGenuine"];

/// What leaf `8000_000A` says about the processor's SVM.
///
/// Source: APM volume 3, appendix E, function `8000_000A`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SvmIdentity {
    /// Revision of SVM.
    pub revision: u8,
    /// Number of address space identifiers.
    pub asids: u32,
    /// Features.
    pub features: SvmFeatures,
}

/// EDX of leaf `8000_000A`: the features of SVM.
///
/// Source: APM volume 3, appendix E, function `8000_000A`.
#[bitfield(u32)]
#[derive(Eq, PartialEq)]
pub struct SvmFeatures {
    /// Nested paging.
    pub nested_paging: bool,
    /// Virtualisation of the last branch record.
    pub lbr_virtualization: bool,
    /// `VM_CR` can be locked with a key.
    pub svm_lock: bool,
    /// The address of the next instruction is saved on an intercept.
    pub next_rip_save: bool,
    /// The guest's time-stamp counter can be scaled.
    pub tsc_rate_msr: bool,
    /// Clean bits of the VMCB are honoured.
    pub vmcb_clean: bool,
    /// The translation buffer can be flushed by address space.
    pub flush_by_asid: bool,
    /// Intercepts are decoded by the processor.
    pub decode_assists: bool,
    /// Performance counters are virtualised.
    pub performance_counter_virtualization: bool,
    __: bool,
    /// Intercept of PAUSE can be filtered.
    pub pause_filter: bool,
    /// Microcode patches are encrypted. The processor programming references of family 17h have
    /// this bit, which the APM reserves.
    pub encrypted_microcode_patch: bool,
    /// The filter of PAUSE has a threshold.
    pub pause_filter_threshold: bool,
    /// Advanced virtual interrupt controller.
    pub avic: bool,
    __: bool,
    /// VMSAVE and VMLOAD are virtualised for nested guests.
    pub virtual_vmsave_vmload: bool,
    /// The global interrupt flag is virtualised.
    pub virtual_gif: bool,
    /// Guest mode execution trap.
    pub guest_mode_execute_trap: bool,
    /// Advanced virtual interrupt controller for x2APIC.
    pub x2avic: bool,
    /// Supervisor shadow stacks can be restricted.
    pub supervisor_shadow_stack_check: bool,
    /// `SPEC_CTRL` is virtualised.
    pub spec_ctrl: bool,
    /// Guest page tables may be read-only.
    pub read_only_guest_tables: bool,
    __: bool,
    /// The host's machine-check setting overrides the guest's.
    pub host_mce_override: bool,
    /// INVLPGB and TLBSYNC can be enabled for guests.
    pub invlpgb_tlbsync: bool,
    /// NMIs are virtualised.
    pub virtual_nmi: bool,
    /// Instruction-based sampling is virtualised.
    pub ibs_virtualization: bool,
    /// Accesses to the extended local vector table exit otherwise under AVIC.
    pub extended_lvt_avic: bool,
    /// The addresses of VMCB and host save area are checked.
    pub address_check: bool,
    /// Bus locks can be limited.
    pub bus_lock_threshold: bool,
    /// HLT exits only if the guest is idle.
    pub idle_hlt_intercept: bool,
    /// A shutdown exits with more information.
    pub enhanced_shutdown_intercept: bool,
}

/// The processor's vendor.
pub fn vendor(processor: &mut impl Processor) -> Signature {
    let leaf = processor.cpuid(LEAF_VENDOR, 0);
    signature([leaf.ebx, leaf.edx, leaf.ecx])
}

/// Whether the processor's vendor is one of the [`SVM_VENDORS`].
#[inline]
pub fn has_svm_vendor(processor: &mut impl Processor) -> bool {
    let leaf = processor.cpuid(LEAF_VENDOR, 0);
    // The words as CPUID returns them: to put them together first takes longer than to compare.
    SVM_VENDORS
        .into_iter()
        .map(words)
        .any(|[ebx, edx, ecx]| leaf.ebx == ebx && leaf.edx == edx && leaf.ecx == ecx)
}

/// The hypervisor that the processor runs under, if one says so; zeros if none does.
pub fn hypervisor(processor: &mut impl Processor) -> Option<Signature> {
    if processor.cpuid(LEAF_FEATURES, 0).ecx & FEATURES_ECX_HYPERVISOR == 0 {
        return None;
    }
    let leaf = processor.cpuid(LEAF_HYPERVISOR, 0);
    Some(signature([leaf.ebx, leaf.ecx, leaf.edx]))
}

/// Whether the processor, which is one of the [`SVM_VENDORS`], says that it has SVM.
///
/// Their processors have the leaf since before SVM, and answer a leaf that they do not have with
/// zeros; a CPUID that a hypervisor intercepts costs more than anything else in a capture.
pub fn has_svm(processor: &mut impl Processor) -> bool {
    processor.cpuid(LEAF_EXTENDED_FEATURES, 0).ecx & EXTENDED_FEATURES_ECX_SVM != 0
}

/// Revision and features of the processor's SVM; zeros where the leaf does not exist.
pub fn svm_identity(processor: &mut impl Processor) -> SvmIdentity {
    if !has_leaf(processor, LEAF_SVM) {
        return SvmIdentity::default();
    }
    let leaf = processor.cpuid(LEAF_SVM, 0);
    let [revision, ..] = leaf.eax.to_le_bytes();
    SvmIdentity {
        revision,
        asids: leaf.ebx,
        features: leaf.edx.into(),
    }
}

fn has_leaf(processor: &mut impl Processor, leaf: u32) -> bool {
    processor.cpuid(LEAF_EXTENDED, 0).eax >= leaf
}

/// A signature as the three registers that it came in.
fn words(signature: Signature) -> [u32; 3] {
    let words: [[u8; 4]; 3] = bytemuck::must_cast(signature);
    words.map(u32::from_le_bytes)
}

fn signature(words: [u32; 3]) -> Signature {
    bytemuck::must_cast(words.map(u32::to_le_bytes))
}
