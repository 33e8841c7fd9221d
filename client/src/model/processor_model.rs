//! Processors by family and model, as far as one of them is no place for VMSAVE.

use std::fmt;
use std::ops::RangeInclusive;

use amd_svm::cpuid::CpuidResult;

/// Family and model of a processor of AMD's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProcessorModel {
    /// Family, the extended one included.
    pub family: u32,
    /// Model, the extended one included.
    pub model: u32,
}

/// The family of the Zen 4 client parts.
const ZEN_4_FAMILY: u32 = 0x19;

/// Their models: those for which Linux switches virtualized VMLOAD and VMSAVE off, because they reset
/// the host.
///
/// Source: CVE-2024-53114, Linux commit a5ca1dc46a6b ("x86/CPU/AMD: Clear virtualized VMLOAD/VMSAVE on
/// Zen4 client").
const ZEN_4_CLIENT_MODELS: [RangeInclusive<u32>; 2] = [0x18..=0x1F, 0x60..=0x7F];

impl ProcessorModel {
    /// The processor with this answer to the leaf of vendors and to that of features, if it is one on
    /// which a guest's VMSAVE may reset the host, and this is a guest.
    #[must_use]
    pub fn that_resets_hosts(vendor: CpuidResult, features: CpuidResult) -> Option<Self> {
        const HYPERVISOR_PRESENT: u32 = 1 << 31;
        let name = [vendor.ebx, vendor.edx, vendor.ecx].map(u32::to_le_bytes);
        let is_amd = name.as_flattened() == b"AuthenticAMD";
        let is_guest = features.ecx & HYPERVISOR_PRESENT != 0;
        let this = Self::of(features.eax);
        let is_known = this.family == ZEN_4_FAMILY
            && ZEN_4_CLIENT_MODELS
                .iter()
                .any(|models| models.contains(&this.model));
        (is_amd && is_guest && is_known).then_some(this)
    }

    /// Reads EAX of CPUID leaf 1.
    ///
    /// Source: APM volume 3, appendix E, function `0000_0001`: the extended parts count where the base
    /// family is 0Fh.
    pub(crate) fn of(signature: u32) -> Self {
        let bits = |from: u32, width: u32| signature >> from & ((1 << width) - 1);
        let (family, model) = (bits(8, 4), bits(4, 4));
        if family == 0xF {
            Self {
                family: family + bits(20, 8),
                model: bits(16, 4) << 4 | model,
            }
        } else {
            Self { family, model }
        }
    }
}

impl fmt::Display for ProcessorModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, model } = self;
        write!(f, "a processor of family {family:02X}h, model {model:02X}h")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vendor: &[u8; 12], signature: u32, guest: bool) -> Option<ProcessorModel> {
        let (words, _) = vendor.as_chunks::<4>();
        let [ebx, edx, ecx] = [0, 1, 2].map(|at| u32::from_le_bytes(words[at]));
        let vendor = CpuidResult {
            eax: 0,
            ebx,
            ecx,
            edx,
        };
        let features = CpuidResult {
            eax: signature,
            ebx: 0,
            ecx: u32::from(guest) << 31,
            edx: 0,
        };
        ProcessorModel::that_resets_hosts(vendor, features)
    }

    /// The signatures are those of processors: a Ryzen 9 7950X, a Ryzen 7 7840U, an EPYC 9654, a Ryzen
    /// 9 5950X.
    #[test]
    fn guests_on_zen_4_client_parts_are_known() {
        const AMD: &[u8; 12] = b"AuthenticAMD";
        let found = of(AMD, 0x00A6_0F12, true).unwrap();
        assert_eq!((found.family, found.model), (0x19, 0x61));
        assert_eq!(found.to_string(), "a processor of family 19h, model 61h");
        assert!(of(AMD, 0x00A7_0F41, true).is_some());
        assert!(of(AMD, 0x00A6_0F12, false).is_none());
        assert!(of(AMD, 0x00A1_0F11, true).is_none());
        assert!(of(AMD, 0x00A2_0F10, true).is_none());
        assert!(of(b"GenuineIntel", 0x00A6_0F12, true).is_none());
        for (model, known) in [
            (0x17, false),
            (0x18, true),
            (0x1F, true),
            (0x20, false),
            (0x5F, false),
            (0x60, true),
            (0x7F, true),
            (0x80, false),
        ] {
            let signature = 0x00A0_0F00 | (model & 0xF) << 4 | (model >> 4) << 16;
            assert_eq!(of(AMD, signature, true).is_some(), known, "{model:#x}");
        }
    }
}
