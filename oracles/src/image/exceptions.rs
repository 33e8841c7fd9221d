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
pub(super) const FAULTING: [Mnemonic; 3] = [Mnemonic::Rdmsr, Mnemonic::Wrmsr, Mnemonic::Vmsave];

/// A function of the table. Numbers are addresses from the image's base.
pub(super) struct Function {
    code: Range<u32>,
    /// Guarded ranges, and where each lands.
    pub scopes: Vec<(Range<u32>, u32)>,
}

/// An image by its addresses.
pub(super) struct Mapped<'a> {
    pub file: PeFile64<'a>,
    pub bytes: &'a [u8],
}

/// What is wrong with the image's exception tables; nothing, if the list is empty.
///
/// # Errors
///
/// If the tables end in the middle, or lie outside the file.
pub(super) fn faults(bytes: &[u8]) -> Result<Vec<String>> {
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

    pub(super) fn functions(&self) -> Result<Vec<Function>> {
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
