//! A driver's file as it lies in memory, but for relocations and imports.

use std::path::Path;
use std::{fs, io};

use object::LittleEndian;
use object::read::pe::PeFile64;

use crate::Error;

/// `VMSAVE`. Assemblers put no prefix in front of it in 64-bit code.
pub const VMSAVE: &[u8] = &[0x0F, 0x01, 0xDB];
/// `RDTSC`.
pub const RDTSC: &[u8] = &[0x0F, 0x31];
/// `JMP` through a pointer nearby: what a call of an imported routine leads to first.
pub const IMPORT_JUMP: &[u8] = &[0xFF, 0x25];

/// A driver's image.
#[derive(Clone, Debug)]
pub struct MappedImage(Vec<u8>);

impl MappedImage {
    /// Lays out a file's sections.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] if it cannot be read, or is no 64-bit PE file.
    pub fn read(driver: &Path) -> Result<Self, Error> {
        let file = fs::read(driver).map_err(Error::Image)?;
        let malformed = |error| Error::Image(io::Error::new(io::ErrorKind::InvalidData, error));
        let pe = PeFile64::parse(&*file).map_err(malformed)?;
        let size = pe.nt_headers().optional_header.size_of_image;
        let mut image = vec![0; size.get(LittleEndian) as usize];
        for section in pe.section_table().iter() {
            let start = section.virtual_address.get(LittleEndian) as usize;
            let data = section.pe_data(&*file).map_err(malformed)?;
            for (to, from) in image.iter_mut().skip(start).zip(data) {
                *to = *from;
            }
        }
        Ok(Self(image))
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether the bytes at an offset are those of an instruction.
    #[must_use]
    pub fn is_at(&self, offset: u64, instruction: &[u8]) -> bool {
        usize::try_from(offset)
            .ok()
            .and_then(|offset| self.0.get(offset..))
            .is_some_and(|rest| rest.starts_with(instruction))
    }
}
