//! What the processor says of itself to every program, by CPUID.

use amd_svm::cpuid::{
    CpuidResult, LEAF_EXTENDED, LEAF_EXTENDED_FEATURES, LEAF_FEATURES, LEAF_HYPERVISOR,
    LEAF_VENDOR, SVM_VENDORS, Signature,
};
use amd_svm::intrinsics;

/// ECX of [`LEAF_FEATURES`]: there is a hypervisor.
const HYPERVISOR_PRESENT: u32 = 1 << 31;
/// ECX of [`LEAF_EXTENDED_FEATURES`]: there is SVM.
const SVM: u32 = 1 << 2;
/// How Hyper-V signs.
const HYPER_V: Signature = *b"Microsoft Hv";
/// Hyper-V's leaf of privileges; EBX bit 0, `CreatePartitions`, is the root partition's.
///
/// Source: Hypervisor Top Level Functional Specification, "Hypervisor Feature Identification".
const LEAF_HYPER_V_FEATURES: u32 = 0x4000_0003;
const CREATE_PARTITIONS: u32 = 1 << 0;

/// A processor, as far as it decides whether VMSAVE can be had.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Processor {
    /// How its maker signs.
    pub(crate) vendor: String,
    /// Whether it shows SVM.
    pub(crate) svm: bool,
    /// Whether firmware has switched it on; under a hypervisor nothing is known of that.
    pub(crate) switched_on: bool,
    /// The hypervisor that it runs under.
    pub(crate) hypervisor: Option<Hypervisor>,
}

/// A hypervisor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Hypervisor {
    /// Hyper-V, under the Windows of this very machine: its root partition.
    OwnHyperV,
    /// Hyper-V on the host of this virtual machine.
    HyperV,
    /// Another one, by the name with which it signs.
    Other(String),
}

impl Processor {
    /// The processor that this runs on, of which the system knows whether firmware has switched SVM
    /// on.
    pub(crate) fn this(switched_on: bool) -> Self {
        Self::of(intrinsics::cpuid, switched_on)
    }

    /// The processor that answers so.
    fn of(cpuid: impl Fn(u32, u32) -> CpuidResult, switched_on: bool) -> Self {
        let CpuidResult { ebx, ecx, edx, .. } = cpuid(LEAF_VENDOR, 0);
        let vendor = signature([ebx, edx, ecx]);
        let highest = cpuid(LEAF_EXTENDED, 0).eax;
        let svm = SVM_VENDORS.contains(&vendor)
            && highest >= LEAF_EXTENDED_FEATURES
            && cpuid(LEAF_EXTENDED_FEATURES, 0).ecx & SVM != 0;
        let present = cpuid(LEAF_FEATURES, 0).ecx & HYPERVISOR_PRESENT != 0;
        Self {
            vendor: text(vendor),
            svm,
            switched_on,
            hypervisor: present.then(|| hypervisor(&cpuid)),
        }
    }

    /// Whether processors of this maker have SVM at all.
    pub(crate) fn may_have_svm(&self) -> bool {
        SVM_VENDORS
            .iter()
            .any(|vendor| text(*vendor) == self.vendor)
    }
}

fn hypervisor(cpuid: &impl Fn(u32, u32) -> CpuidResult) -> Hypervisor {
    let CpuidResult {
        eax, ebx, ecx, edx, ..
    } = cpuid(LEAF_HYPERVISOR, 0);
    let name = signature([ebx, ecx, edx]);
    if name != HYPER_V {
        return Hypervisor::Other(text(name));
    }
    let is_root = eax >= LEAF_HYPER_V_FEATURES
        && cpuid(LEAF_HYPER_V_FEATURES, 0).ebx & CREATE_PARTITIONS != 0;
    if is_root {
        Hypervisor::OwnHyperV
    } else {
        Hypervisor::HyperV
    }
}

fn signature(registers: [u32; 3]) -> Signature {
    let mut letters = Signature::default();
    for (place, register) in letters.chunks_exact_mut(4).zip(registers) {
        place.copy_from_slice(&register.to_le_bytes());
    }
    letters
}

fn text(signature: Signature) -> String {
    String::from_utf8_lossy(&signature)
        .trim_end_matches('\0')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registers(letters: &[u8; 12]) -> [u32; 3] {
        let (words, _) = letters.as_chunks::<4>();
        [0, 1, 2].map(|at| u32::from_le_bytes(words[at]))
    }

    /// A processor with SVM or without, under a hypervisor of this name.
    fn processor(vendor: &[u8; 12], svm: bool, hypervisor: Option<(&[u8; 12], bool)>) -> Processor {
        let [v0, v1, v2] = registers(vendor);
        let cpuid = |leaf, _| {
            let mut result = CpuidResult {
                eax: 0,
                ebx: 0,
                ecx: 0,
                edx: 0,
            };
            match (leaf, hypervisor) {
                (LEAF_VENDOR, _) => {
                    (result.ebx, result.edx, result.ecx) = (v0, v1, v2);
                }
                (LEAF_FEATURES, Some(_)) => result.ecx = HYPERVISOR_PRESENT,
                (LEAF_EXTENDED, _) => result.eax = 0x8000_000A,
                (LEAF_EXTENDED_FEATURES, _) if svm => result.ecx = SVM,
                (LEAF_HYPERVISOR, Some((name, _))) => {
                    result.eax = 0x4000_000B;
                    [result.ebx, result.ecx, result.edx] = registers(name);
                }
                (LEAF_HYPER_V_FEATURES, Some((_, true))) => result.ebx = CREATE_PARTITIONS,
                _ => {}
            }
            result
        };
        Processor::of(cpuid, true)
    }

    #[test]
    fn processor_and_hypervisor_are_known_by_their_signatures() {
        let bare = processor(b"AuthenticAMD", true, None);
        assert_eq!((bare.svm, bare.hypervisor), (true, None));
        // Bit 2 stands for something else there.
        let intel = processor(b"GenuineIntel", true, None);
        assert!(!intel.svm && !intel.may_have_svm());
        for (name, root, expected) in [
            (b"Microsoft Hv", true, Hypervisor::OwnHyperV),
            (b"Microsoft Hv", false, Hypervisor::HyperV),
            (
                b"KVMKVMKVM\0\0\0",
                true,
                Hypervisor::Other("KVMKVMKVM".to_owned()),
            ),
        ] {
            let guest = processor(b"HygonGenuine", false, Some((name, root)));
            assert_eq!(guest.hypervisor, Some(expected));
            assert!(!guest.svm && guest.may_have_svm());
        }
    }

    #[test]
    fn the_processor_that_runs_this_has_a_maker() {
        assert_eq!(Processor::this(true).vendor.len(), 12);
    }
}
