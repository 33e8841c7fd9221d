//! A driver's file with changes.

use std::fs;
use std::io::Write;
use std::path::Path;

use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile64};
use tempfile::NamedTempFile;

/// Offset of the checksum from the new executable header.
const CHECKSUM: usize = 0x58;

/// A driver's file.
pub(crate) struct DriverImage {
    /// All of it, to be changed at will.
    pub bytes: Vec<u8>,
    checksum: usize,
}

impl DriverImage {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let file = PeFile64::parse(bytes.as_slice()).unwrap();
        let headers = file.dos_header().nt_headers_offset() as usize;
        assert!(file.nt_headers().optional_header().check_sum() != 0);
        Self {
            checksum: headers + CHECKSUM,
            bytes,
        }
    }

    /// Writes it to a file, with a checksum that is right.
    pub(crate) fn write(mut self) -> NamedTempFile {
        let place = self.checksum..self.checksum + 4;
        self.bytes[place.clone()].fill(0);
        let mut sum = 0_u32;
        for pair in self.bytes.chunks(2) {
            let high = pair.get(1).copied().unwrap_or(0);
            sum += u32::from(u16::from_le_bytes([pair[0], high]));
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        sum += u32::try_from(self.bytes.len()).unwrap();
        self.bytes[place].copy_from_slice(&sum.to_le_bytes());
        let mut file = tempfile::Builder::new().suffix(".sys").tempfile().unwrap();
        file.write_all(&self.bytes).unwrap();
        file
    }
}
