//! Changes in the exception tables of a driver's file.

use std::path::Path;

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::PeFile64;
use tempfile::NamedTempFile;

use super::image::DriverImage;

/// Bytes of a `RUNTIME_FUNCTION`.
const FUNCTION_SIZE: u32 = 12;

const UD2: [u8; 2] = [0x0F, 0x0B];

/// `UNW_FLAG_CHAININFO`.
const CHAINED: u8 = 4;

/// What one instruction of a prologue did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnwindCode {
    /// Where the code is.
    pub address: u32,
    /// What was done.
    pub operation: u8,
    /// The register, or what else the operation has in its place.
    pub register: u8,
}

/// The tables of a driver's file; everything is addressed by offsets from the image's
/// base.
pub(crate) struct UnwindTables {
    image: DriverImage,
    /// Address, file offset and length of each section.
    sections: Vec<(u32, u32, u32)>,
    table: u32,
    count: u32,
}

impl UnwindTables {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Self {
        let image = DriverImage::read(path);
        let file = PeFile64::parse(image.bytes.as_slice()).unwrap();
        let sections = file.section_table();
        let sections = sections.iter().map(|section| {
            let (offset, length) = section.pe_file_range();
            (section.virtual_address.get(LE), offset, length)
        });
        let sections = sections.collect();
        let directory = file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION);
        let directory = directory.expect("an exception directory");
        let (table, size) = (directory.virtual_address.get(LE), directory.size.get(LE));
        Self {
            sections,
            table,
            count: size / FUNCTION_SIZE,
            image,
        }
    }

    /// How many functions the table has.
    pub(crate) fn functions(&self) -> u32 {
        self.count
    }

    /// Begin, end and unwind information of a function.
    pub(crate) fn function(&self, index: u32) -> [u32; 3] {
        [0, 4, 8].map(|field| self.u32(self.table + index * FUNCTION_SIZE + field))
    }

    /// Overwrites a function's entry.
    pub(crate) fn set_function(&mut self, index: u32, function: [u32; 3]) {
        for (field, value) in (0..).step_by(4).zip(function) {
            self.set_u32(self.table + index * FUNCTION_SIZE + field, value);
        }
    }

    /// What the prologues did of those functions that end in `UD2`.
    pub(crate) fn codes_of_faulting_functions(&self) -> Vec<UnwindCode> {
        let all = (0..self.count).map(|index| self.function(index));
        let faulting = all.filter(|[_, end, _]| [self.byte(end - 2), self.byte(end - 1)] == UD2);
        faulting.flat_map(|[.., info]| self.codes(info)).collect()
    }

    /// Whether some part of a function refers to another part.
    pub(crate) fn has_chained_function(&self) -> bool {
        let mut all = (0..self.count).map(|index| self.function(index));
        all.any(|[.., info]| self.byte(info) >> 3 == CHAINED)
    }

    fn codes(&self, info: u32) -> Vec<UnwindCode> {
        let slots = u32::from(self.byte(info + 2));
        let mut codes = Vec::new();
        let mut slot = 0;
        while slot < slots {
            let address = info + 4 + 2 * slot;
            let operation = self.byte(address + 1);
            let (operation, register) = (operation & 0xF, operation >> 4);
            codes.push(UnwindCode {
                address,
                operation,
                register,
            });
            // Numbers that follow the code take slots too.
            slot += match (operation, register) {
                (1, 0) | (4 | 8, _) => 2,
                (1 | 5 | 9, _) => 3,
                _ => 1,
            };
        }
        codes
    }

    /// Begins of the functions that have an exception handler, and addresses of the
    /// data for it.
    pub(crate) fn guarded_functions(&self) -> Vec<(u32, u32)> {
        let all = (0..self.count).map(|index| self.function(index));
        let guarded = all.filter_map(|[begin, _, info]| {
            let [head, _, codes, _] = self.u32(info).to_le_bytes();
            let handler = info + 4 + 2 * u32::from(codes).next_multiple_of(2);
            (head >> 3 == 1).then_some((begin, handler + 4))
        });
        guarded.collect()
    }

    /// The unwind information of the function that begins at an address.
    pub(crate) fn unwind_info(&self, address: u32) -> u32 {
        let mut all = (0..self.count).map(|index| self.function(index));
        let function = all.find(|[begin, ..]| *begin == address);
        let [_, _, info] = function.expect("a function");
        info
    }

    /// A byte.
    pub(crate) fn byte(&self, address: u32) -> u8 {
        self.image.bytes[self.offset(address)]
    }

    fn offset(&self, address: u32) -> usize {
        let holding = self
            .sections
            .iter()
            .find(|(start, _, length)| (*start..start + length).contains(&address));
        let (start, offset, _) = holding.expect("an address in the file");
        (address - start + offset) as usize
    }

    fn u32(&self, address: u32) -> u32 {
        let offset = self.offset(address);
        u32::from_le_bytes(self.image.bytes[offset..offset + 4].try_into().unwrap())
    }

    /// Overwrites four bytes.
    pub(crate) fn set_u32(&mut self, address: u32, value: u32) {
        let offset = self.offset(address);
        self.image.bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Overwrites a byte.
    pub(crate) fn set_byte(&mut self, address: u32, value: u8) {
        let offset = self.offset(address);
        self.image.bytes[offset] = value;
    }

    /// Writes the file, with a checksum that is right.
    pub(crate) fn write(self) -> NamedTempFile {
        self.image.write()
    }
}
