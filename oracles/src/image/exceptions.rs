//! What Windows' exception dispatcher reads of an image: its table of functions, their unwind
//! information, and the scope tables of those that guard instructions. A disassembler says where
//! instructions begin.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context as _, Result, ensure};
use iced_x86::{Decoder, DecoderOptions, Mnemonic};
use lab::mapped_image::IMPORT_JUMP;
use object::LittleEndian as LE;
use object::pe::{IMAGE_DIRECTORY_ENTRY_EXCEPTION, IMAGE_SCN_MEM_EXECUTE};
use object::read::pe::PeFile64;
use wdk_linux::image::word;

/// `UNW_FLAG_EHANDLER`, above the three bits of the version.
const HAS_HANDLER: u8 = 1 << 3;

/// Instructions that may fault on a processor or under a hypervisor that forbids them.
const FAULTING: [Mnemonic; 3] = [Mnemonic::Rdmsr, Mnemonic::Wrmsr, Mnemonic::Vmsave];

/// A function of the table. Numbers are addresses from the image's base.
struct Function {
    code: Range<u32>,
    /// Guarded ranges, and where each lands.
    scopes: Vec<(Range<u32>, u32)>,
}

/// An image by its addresses.
struct Mapped<'a> {
    file: PeFile64<'a>,
    bytes: &'a [u8],
}

/// What is wrong with the image's exception tables; nothing, if the list is empty.
///
/// # Errors
///
/// If the tables end in the middle, or lie outside the file.
pub fn faults(bytes: &[u8]) -> Result<Vec<String>> {
    let file = PeFile64::parse(bytes)?;
    let image = Mapped { file, bytes };
    let mut found = Vec::new();
    let mut end = 0;
    let mut guarded = Vec::new();
    for function in image.functions()? {
        let Range { start, end: last } = function.code;
        if start < end || last <= start {
            found.push(format!(
                "the function at {start:#x} overlaps the one before"
            ));
        }
        end = last;
        if !image.is_executable(function.code.clone()) {
            found.push(format!("the function at {start:#x} is not in code"));
            continue;
        }
        guarded.extend(image.judge(&function, &mut found)?);
    }
    for mnemonic in FAULTING
        .iter()
        .filter(|mnemonic| !guarded.contains(mnemonic))
    {
        found.push(format!("there is no {mnemonic:?}"));
    }
    Ok(found)
}

impl Mapped<'_> {
    /// Judges a function's scopes by its instructions, and returns those that need a guard.
    fn judge(&self, function: &Function, found: &mut Vec<String>) -> Result<Vec<Mnemonic>> {
        let Range { start, end } = function.code;
        let code = self.at(start, (end - start) as usize)?;
        let decoder = Decoder::with_ip(64, code, start.into(), DecoderOptions::AMD);
        let mut places = BTreeSet::from([end]);
        let mut guarded = Vec::new();
        for instruction in decoder {
            let place = u32::try_from(instruction.ip())?;
            places.insert(place);
            if instruction.is_invalid() {
                found.push(format!("no instruction at {place:#x}"));
            }
            if FAULTING.contains(&instruction.mnemonic()) {
                guarded.push(instruction.mnemonic());
                if !function
                    .scopes
                    .iter()
                    .any(|(scope, _)| scope.contains(&place))
                {
                    found.push(format!(
                        "{:?} at {place:#x} is not guarded",
                        instruction.mnemonic()
                    ));
                }
            }
        }
        for (scope, landing) in &function.scopes {
            for edge in [scope.start, scope.end, *landing] {
                if !places.contains(&edge) {
                    found.push(format!(
                        "no instruction begins at {edge:#x}, where a scope says"
                    ));
                }
            }
        }
        Ok(guarded)
    }

    fn functions(&self) -> Result<Vec<Function>> {
        let directory = self
            .file
            .data_directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION)
            .context("the image has no table of functions")?;
        let (table, size) = (directory.virtual_address.get(LE), directory.size.get(LE));
        (0..size / 12)
            .map(|index| {
                let entry = self.at(table + index * 12, 12)?;
                Ok(Function {
                    code: word(entry, 0)?..word(entry, 4)?,
                    scopes: self.scopes(word(entry, 8)?)?,
                })
            })
            .collect()
    }

    /// The scope table behind unwind information, of a function that has a handler.
    fn scopes(&self, unwind: u32) -> Result<Vec<(Range<u32>, u32)>> {
        let header = self.at(unwind, 4)?;
        ensure!(
            header[0] & 7 == 1,
            "unwind information at {unwind:#x} of another version"
        );
        if header[0] & HAS_HANDLER == 0 {
            return Ok(Vec::new());
        }
        // Codes of two bytes each, an even number of them, then the handler.
        let handler = unwind + 4 + u32::from(header[2]).next_multiple_of(2) * 2;
        // The handler of scopes is imported. Functions of the compiled standard library have one of
        // the image's own, wdk-panic's, which knows none.
        let entry = word(self.at(handler, 4)?, 0)?;
        if !self.at(entry, IMPORT_JUMP.len())?.starts_with(IMPORT_JUMP) {
            return Ok(Vec::new());
        }
        let count = word(self.at(handler + 4, 4)?, 0)?;
        (0..count)
            .map(|index| {
                let scope = self.at(handler + 8 + index * 16, 16)?;
                Ok((word(scope, 0)?..word(scope, 4)?, word(scope, 12)?))
            })
            .collect()
    }

    fn is_executable(&self, range: Range<u32>) -> bool {
        self.file.section_table().iter().any(|section| {
            let start = section.virtual_address.get(LE);
            let end = start + section.virtual_size.get(LE);
            section
                .characteristics
                .get(LE)
                .contains(IMAGE_SCN_MEM_EXECUTE)
                && range.start >= start
                && range.end <= end
        })
    }

    fn at(&self, address: u32, length: usize) -> Result<&[u8]> {
        self.file
            .section_table()
            .pe_data_at(self.bytes, address)
            .and_then(|data| data.get(..length))
            .with_context(|| format!("nothing at {address:#x}"))
    }
}

#[cfg(all(test, feature = "boot"))]
pub use self::damage::remove_guards;

/// Damage that the checks have to notice, in the driver's own image.
#[cfg(all(test, feature = "boot"))]
mod damage {
    use std::fs;

    use super::*;
    use crate::image::rules::Facts;
    use wdk_linux::host::Workspace;
    use xtask::artifact::Profile;
    use xtask::artifact::package_folder;

    fn driver() -> Vec<u8> {
        let package = package_folder(&Workspace::locate().unwrap());
        fs::read(package.join("svmsave.sys")).unwrap()
    }

    /// What breaks the rule with this word in it.
    fn violation(bytes: &[u8], rule: &str) -> Option<String> {
        let checks = Facts::of_image(bytes).unwrap().check(Profile::Release);
        checks
            .into_iter()
            .find(|check| check.rule.contains(rule))
            .unwrap()
            .violation
    }

    /// Where an address of the image is in the file.
    fn place(bytes: &[u8], address: u32) -> usize {
        let file = PeFile64::parse(bytes).unwrap();
        let sections = file.section_table();
        let found = sections
            .iter()
            .find_map(|section| section.pe_file_range_at(address));
        found.unwrap().0 as usize
    }

    fn add_to_word(bytes: &mut [u8], place: usize, number: u32) {
        let sum = word(bytes, place).unwrap().wrapping_add(number);
        bytes[place..place + 4].copy_from_slice(&sum.to_le_bytes());
    }

    /// Where in the file each scope table is: its count, then the entries.
    fn scope_tables(bytes: &[u8]) -> Result<Vec<usize>> {
        let image = Mapped {
            file: PeFile64::parse(bytes)?,
            bytes,
        };
        let directory = image
            .file
            .data_directory(IMAGE_DIRECTORY_ENTRY_EXCEPTION)
            .context("the image has no table of functions")?;
        let table = directory.virtual_address.get(LE);
        (0..)
            .zip(image.functions()?)
            .filter(|(_, function)| !function.scopes.is_empty())
            .map(|(index, _)| {
                let unwind = place(bytes, word(bytes, place(bytes, table + index * 12) + 8)?);
                let codes = usize::from(bytes[unwind + 2]).next_multiple_of(2) * 2;
                Ok(unwind + 4 + codes + 4)
            })
            .collect()
    }

    /// Empties the scope tables, so that no instruction is guarded.
    pub fn remove_guards(bytes: &mut [u8]) -> Result<()> {
        for table in scope_tables(bytes)? {
            bytes[table..table + 4].fill(0);
        }
        Ok(())
    }

    #[test]
    fn every_number_of_a_scope_that_is_off_by_one_is_noticed() {
        let bytes = driver();
        assert_eq!(violation(&bytes, "exception"), None);
        let tables = scope_tables(&bytes).unwrap();
        assert!(tables.len() >= FAULTING.len());
        for table in tables {
            for number in [table + 4, table + 8, table + 16] {
                let mut damaged = bytes.clone();
                add_to_word(&mut damaged, number, 1);
                assert!(violation(&damaged, "exception").is_some(), "{number:#x}");
            }
        }
    }

    #[test]
    fn an_instruction_without_a_guard_is_noticed() {
        let mut bytes = driver();
        remove_guards(&mut bytes).unwrap();
        let found = violation(&bytes, "exception").unwrap();
        for mnemonic in FAULTING {
            assert!(found.contains(&format!("{mnemonic:?} at ")), "{found}");
        }
    }

    #[test]
    fn an_import_from_another_image_is_noticed() {
        let mut bytes = driver();
        let name = b"ntoskrnl.exe\0";
        let at = bytes
            .windows(name.len())
            .position(|window| window == name)
            .unwrap();
        bytes[at..at + name.len()].copy_from_slice(b"ntkrnlmp.exe\0");
        assert!(
            violation(&bytes, "imports")
                .unwrap()
                .contains("ntkrnlmp.exe")
        );
    }

    #[test]
    fn one_bit_of_the_file_breaks_the_checksum() {
        let mut bytes = driver();
        assert_eq!(violation(&bytes, "checksum"), None);
        *bytes.last_mut().unwrap() ^= 1;
        assert!(violation(&bytes, "checksum").is_some());
    }

    #[test]
    fn code_that_can_be_written_to_is_noticed() {
        let mut bytes = driver();
        let text = bytes
            .windows(8)
            .position(|window| window == b".text\0\0\0")
            .unwrap();
        let characteristics = text + size_of::<object::pe::ImageSectionHeader>() - 4;
        add_to_word(
            &mut bytes,
            characteristics,
            object::pe::IMAGE_SCN_MEM_WRITE.0,
        );
        assert!(violation(&bytes, "writable").is_some());
    }
}
