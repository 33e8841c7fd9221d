//! The bytes that the intrinsics compile to, read by a disassembler.

use anyhow::{Context as _, Result};
use iced_x86::{Code, Decoder, DecoderOptions, Instruction};
use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use wdk_linux::host::Workspace;
use xtask::needs;

use super::{Fact, INTRINSICS, external_consumer};

/// What users of the crate build for.
const TARGETS: [&str; 4] = [
    needs::KERNEL_TARGET,
    needs::DRIVER_TARGET,
    needs::KERNEL_32_TARGET,
    needs::UEFI_TARGET,
];

/// The instructions of the SVM family, in 64-bit and in 32-bit code, in the order of
/// [`INTRINSICS`].
const CODES: [[Code; 7]; 2] = [
    [
        Code::Vmrunq,
        Code::Vmloadq,
        Code::Vmsaveq,
        Code::Stgi,
        Code::Clgi,
        Code::Skinit,
        Code::Invlpgaq,
    ],
    [
        Code::Vmrund,
        Code::Vmloadd,
        Code::Vmsaved,
        Code::Stgi,
        Code::Clgi,
        Code::Skinit,
        Code::Invlpgad,
    ],
];

/// One fact for each intrinsic and target: one instruction of the family, the right one, without
/// prefixes.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<Fact>> {
    let mut facts = Vec::new();
    for library in external_consumer::build(workspace, &TARGETS)? {
        let long = library.target != needs::KERNEL_32_TARGET;
        let has = place_of(&library.bytes, external_consumer::HYPERVISOR)?.is_some();
        facts.push(Fact::new(
            format!("the packaged hypervisor is built for {}", library.target),
            has == long,
            || format!("it is there: {has}"),
        ));
        for (intrinsic, place) in INTRINSICS.into_iter().zip(0..) {
            let found = family(&library.bytes, intrinsic)
                .with_context(|| format!("{intrinsic} for {}", library.target))?;
            let right = |one: &Instruction| one.len() == 3 && code_of(one, place);
            facts.push(Fact::new(
                format!(
                    "{intrinsic} for {} is that instruction alone",
                    library.target
                ),
                matches!(found.as_slice(), [one] if right(one)),
                || {
                    format!(
                        "{:?}",
                        found.iter().map(Instruction::code).collect::<Vec<_>>()
                    )
                },
            ));
        }
    }
    Ok(facts)
}

fn code_of(instruction: &Instruction, place: usize) -> bool {
    let [long, short] = CODES;
    let code = instruction.code();
    code == if instruction.code_size() == iced_x86::CodeSize::Code64 {
        long[place]
    } else {
        short[place]
    }
}

/// The instructions of the SVM family in the consumer's use of an intrinsic.
fn family(archive: &[u8], intrinsic: &str) -> Result<Vec<Instruction>> {
    let wanted = format!("consumer_{intrinsic}");
    let (code, bits) = place_of(archive, &wanted)?
        .with_context(|| format!("the library does not define {wanted}"))?;
    let decoder = Decoder::new(bits, &code, DecoderOptions::NONE);
    let [long, short] = CODES;
    Ok(decoder
        .into_iter()
        .filter(|one| long.contains(&one.code()) || short.contains(&one.code()))
        .collect())
}

/// The code from a function on, and the width of its registers in bits; `None` if the library does
/// not define it.
fn place_of(archive: &[u8], wanted: &str) -> Result<Option<(Vec<u8>, u32)>> {
    for member in ArchiveFile::parse(archive)?.members() {
        let Ok(file) = object::File::parse(member?.data(archive)?) else {
            // The compiler's own metadata.
            continue;
        };
        let named = |name: &str| name.strip_prefix('_').unwrap_or(name) == wanted || name == wanted;
        let symbol = file
            .symbols()
            .find(|symbol| symbol.is_definition() && symbol.name().is_ok_and(named));
        let Some(symbol) = symbol else { continue };
        let index = symbol
            .section_index()
            .context("the function has no section")?;
        let section = file.section_by_index(index)?;
        let start = usize::try_from(symbol.address() - section.address())?;
        let code = section
            .data()?
            .get(start..)
            .context("the function has no code")?;
        return Ok(Some((code.to_vec(), if file.is_64() { 64 } else { 32 })));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bits: u32, bytes: &[u8]) -> Instruction {
        Decoder::new(bits, bytes, DecoderOptions::NONE).decode()
    }

    #[test]
    fn another_instruction_of_the_family_is_not_taken_for_the_right_one() {
        for bits in [32, 64] {
            for (place, last) in [0xD8, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF]
                .into_iter()
                .enumerate()
            {
                let instruction = decoded(bits, &[0x0F, 0x01, last]);
                for other in 0..INTRINSICS.len() {
                    assert_eq!(code_of(&instruction, other), place == other, "{last:x}");
                }
            }
        }
    }

    #[test]
    fn an_address_of_another_size_is_another_instruction() {
        let narrowed = decoded(64, &[0x67, 0x0F, 0x01, 0xDB]);
        assert!(!code_of(&narrowed, 2));
    }
}
