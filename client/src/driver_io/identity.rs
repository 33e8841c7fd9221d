//! The names and numbers by which a processor and a Windows are known.

use amd_svm::cpuid::{CpuidResult, LEAF_EXTENDED, LEAF_FEATURES, LEAF_HYPERVISOR};

use crate::model::{ProcessorIdentity, ProcessorModel};

/// The first and the last leaf of the name that a processor is sold by: 16 letters each, in EAX to
/// EDX.
///
/// Source: APM volume 3, appendix E, functions `8000_0002` to `8000_0004`.
const LEAVES_BRAND: [u32; 2] = [0x8000_0002, 0x8000_0004];

/// ECX of [`LEAF_FEATURES`]: there is a hypervisor.
const HYPERVISOR_PRESENT: u32 = 1 << 31;

/// The first build of Windows 11.
const WINDOWS_11: u32 = 22000;

/// The processor that answers so, but for its microcode, and the name of the hypervisor that it runs
/// under.
pub(super) fn of(cpuid: impl Fn(u32, u32) -> CpuidResult) -> (ProcessorIdentity, Option<String>) {
    let features = cpuid(LEAF_FEATURES, 0);
    let model = ProcessorModel::of(features.eax);
    let processor = ProcessorIdentity {
        brand: brand(&cpuid),
        family: Some(model.family),
        model: Some(model.model),
        stepping: Some(features.eax & 0xF),
        microcode: None,
    };
    let hypervisor = (features.ecx & HYPERVISOR_PRESENT != 0).then(|| {
        let CpuidResult { ebx, ecx, edx, .. } = cpuid(LEAF_HYPERVISOR, 0);
        text([ebx, ecx, edx].map(u32::to_le_bytes).as_flattened())
    });
    (processor, hypervisor.flatten())
}

fn brand(cpuid: &impl Fn(u32, u32) -> CpuidResult) -> Option<String> {
    let [first, last] = LEAVES_BRAND;
    if cpuid(LEAF_EXTENDED, 0).eax < last {
        return None;
    }
    let letters: Vec<u8> = (first..=last)
        .map(|leaf| cpuid(leaf, 0))
        .flat_map(|CpuidResult { eax, ebx, ecx, edx }| [eax, ebx, ecx, edx])
        .flat_map(u32::to_le_bytes)
        .collect();
    text(&letters)
}

/// Letters up to a zero, without the blanks around them.
fn text(letters: &[u8]) -> Option<String> {
    let letters = letters.split(|letter| *letter == 0).next()?;
    let text = String::from_utf8_lossy(letters).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The revision of the microcode, of the eight bytes that Windows notes: AMD's processors tell it in
/// the lower half of a register, others in the upper. A hypervisor may tell zeros or ones in its
/// place.
pub(super) fn microcode(noted: [u8; 8]) -> Option<u32> {
    let (halves, _) = noted.as_chunks::<4>();
    let mut halves = halves.iter().map(|half| u32::from_le_bytes(*half));
    halves.find(|half| ![0, u32::MAX].contains(half))
}

/// The name of a Windows: what the registry of Windows 11 calls Windows 10 still is told by its build.
pub(super) fn windows(
    build: u32,
    product: Option<String>,
    release: Option<String>,
) -> Option<String> {
    let product = product?;
    let name = match product.strip_prefix("Windows 10") {
        Some(edition) if build >= WINDOWS_11 => format!("Windows 11{edition}"),
        _ => product,
    };
    Some(match release {
        Some(release) => format!("{name} {release}"),
        None => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a processor answers: a Ryzen 9 7950X under Hyper-V.
    fn ryzen(leaf: u32, _: u32) -> CpuidResult {
        let letters = |letters: &[u8; 16]| {
            let (words, _) = letters.as_chunks::<4>();
            let [eax, ebx, ecx, edx] = [0, 1, 2, 3].map(|at| u32::from_le_bytes(words[at]));
            CpuidResult { eax, ebx, ecx, edx }
        };
        match leaf {
            LEAF_FEATURES => CpuidResult {
                eax: 0x00A6_0F12,
                ecx: HYPERVISOR_PRESENT,
                ..CpuidResult::default()
            },
            LEAF_HYPERVISOR => letters(b"\x0b\0\0\x40Microsoft Hv"),
            LEAF_EXTENDED => CpuidResult {
                eax: 0x8000_0028,
                ..CpuidResult::default()
            },
            0x8000_0002 => letters(b"AMD Ryzen 9 7950"),
            0x8000_0003 => letters(b"X 16-Core Proces"),
            0x8000_0004 => letters(b"sor             "),
            _ => CpuidResult::default(),
        }
    }

    #[test]
    fn a_processor_is_known_by_name_and_numbers() {
        let (processor, hypervisor) = of(ryzen);
        let expected = ProcessorIdentity {
            brand: Some("AMD Ryzen 9 7950X 16-Core Processor".to_owned()),
            family: Some(0x19),
            model: Some(0x61),
            stepping: Some(2),
            microcode: None,
        };
        assert_eq!(processor, expected);
        assert_eq!(hypervisor.as_deref(), Some("Microsoft Hv"));
        let silent = |leaf, subleaf| match leaf {
            LEAF_EXTENDED => CpuidResult::default(),
            LEAF_FEATURES => CpuidResult {
                ecx: 0,
                ..ryzen(leaf, subleaf)
            },
            _ => ryzen(leaf, subleaf),
        };
        let (processor, hypervisor) = of(silent);
        assert_eq!((processor.brand, hypervisor), (None, None));
    }

    #[test]
    fn microcode_is_in_either_half_or_not_told() {
        let low = 0x0A60_1206_u64;
        assert_eq!(microcode(low.to_le_bytes()), Some(0x0A60_1206));
        assert_eq!(microcode((low << 32).to_le_bytes()), Some(0x0A60_1206));
        assert_eq!(microcode([0; 8]), None);
        assert_eq!(microcode([0xFF; 8]), None);
    }

    #[test]
    fn windows_11_is_known_by_its_build() {
        let name = |build, product: &str, release: Option<&str>| {
            windows(build, Some(product.to_owned()), release.map(str::to_owned)).unwrap()
        };
        assert_eq!(
            name(26100, "Windows 10 Pro", Some("24H2")),
            "Windows 11 Pro 24H2"
        );
        assert_eq!(
            name(19045, "Windows 10 Pro", Some("22H2")),
            "Windows 10 Pro 22H2"
        );
        assert_eq!(
            name(26100, "Windows Server 2025 Datacenter", None),
            "Windows Server 2025 Datacenter"
        );
        assert_eq!(windows(26100, None, Some("24H2".to_owned())), None);
    }
}
