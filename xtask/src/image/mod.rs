//! The driver's image, as the file that Windows' loader reads.

mod exceptions;
pub mod identity;
pub mod rules;
pub mod version;

#[cfg(all(test, feature = "boot"))]
pub use self::exceptions::remove_guards;

use std::ops::Range;

use anyhow::{Context as _, Result};
use object::pe;
use object::read::pe::PeFile64;

/// Places in an image that depend on more than its code: each is a range of bytes in the file.
struct Places {
    /// The checksum of the whole file.
    checksum: Range<usize>,
    /// When the image was made, in its header and in each entry of the debug directory.
    timestamps: Vec<Range<usize>>,
    /// What a debugger recognises the file with debugging information by.
    guid: Range<usize>,
}

impl Places {
    fn of(image: &[u8]) -> Result<Self> {
        let parsed = PeFile64::parse(image)?;
        let headers = parsed.dos_header().nt_headers_offset() as usize;
        // The signature comes first, then the file header, then the optional header.
        let file_header = headers + 4;
        let optional_header = file_header + size_of::<pe::ImageFileHeader>();
        let mut timestamps = vec![range(file_header + 4, 4)];
        let mut guid = None;
        let (table, size) = parsed
            .data_directory(pe::IMAGE_DIRECTORY_ENTRY_DEBUG)
            .context("the image has no debug directory")?
            .file_range(&parsed.section_table())?;
        for entry in (table..table + size).step_by(size_of::<pe::ImageDebugDirectory>()) {
            let entry = entry as usize;
            timestamps.push(range(entry + 4, 4));
            if word(image, entry + 12)? == pe::IMAGE_DEBUG_TYPE_CODEVIEW.0 {
                // After its own signature, "RSDS".
                guid = Some(range(word(image, entry + 24)? as usize + 4, 16));
            }
        }
        Ok(Self {
            checksum: range(optional_header + 64, 4),
            timestamps,
            guid: guid
                .filter(|guid| image.get(guid.clone()).is_some())
                .context("the image names no file with debugging information")?,
        })
    }
}

fn range(start: usize, length: usize) -> Range<usize> {
    start..start + length
}

fn word(image: &[u8], place: usize) -> Result<u32> {
    let bytes = image.get(range(place, 4)).context("the image is cut off")?;
    Ok(u32::from_le_bytes(bytes.try_into()?))
}

/// The checksum of an image: its 16-bit words added with carries folded in, but for the checksum
/// itself, which is at `place`, and the file's length.
fn checksum(image: &[u8], place: &Range<usize>) -> Result<u32> {
    let mut sum = 0_u32;
    for (index, word) in image.chunks(2).enumerate() {
        if place.contains(&(index * 2)) {
            continue;
        }
        let word = [word[0], word.get(1).copied().unwrap_or_default()];
        sum += u32::from(u16::from_le_bytes(word));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    Ok(sum + u32::try_from(image.len())?)
}

#[cfg(test)]
pub mod example {
    //! A small image with what the driver's has, for tests to take apart.

    use object::pe;
    use object::write::pe::{NtHeaders, Writer};

    /// What the image recognises its debugging information by.
    pub const GUID: [u8; 16] = *b"sixteen bytes...";

    pub fn image() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(true, 4096, 512, &mut bytes);
        writer.reserve_dos_header();
        writer.reserve_nt_headers(16);
        writer.reserve_section_headers(1);
        let entry_size = u32::try_from(size_of::<pe::ImageDebugDirectory>()).unwrap();
        let section = writer.reserve_rdata_section(512);
        writer.set_data_directory(
            pe::IMAGE_DIRECTORY_ENTRY_DEBUG,
            section.virtual_address,
            entry_size,
        );
        writer.write_empty_dos_header().unwrap();
        writer.write_nt_headers(NtHeaders {
            machine: pe::IMAGE_FILE_MACHINE_AMD64,
            time_date_stamp: 0x0123_4567,
            characteristics: pe::IMAGE_FILE_EXECUTABLE_IMAGE,
            major_linker_version: 0,
            minor_linker_version: 0,
            address_of_entry_point: 0,
            image_base: 0x1_8000_0000,
            major_operating_system_version: 6,
            minor_operating_system_version: 0,
            major_image_version: 0,
            minor_image_version: 0,
            major_subsystem_version: 6,
            minor_subsystem_version: 0,
            subsystem: pe::IMAGE_SUBSYSTEM_NATIVE,
            dll_characteristics: pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
            size_of_stack_reserve: 0,
            size_of_stack_commit: 0,
            size_of_heap_reserve: 0,
            size_of_heap_commit: 0,
        });
        writer.write_section_headers();
        let mut data = vec![0; 12];
        data.extend(pe::IMAGE_DEBUG_TYPE_CODEVIEW.0.to_le_bytes());
        data.extend((4_u32 + 16 + 4 + 12).to_le_bytes());
        data.extend((section.virtual_address + entry_size).to_le_bytes());
        data.extend((section.file_offset + entry_size).to_le_bytes());
        data.extend(b"RSDS");
        data.extend(GUID);
        data.extend(1_u32.to_le_bytes());
        data.extend(b"svmsave.pdb\0");
        data.resize(512, 0);
        writer.write_section(section.file_offset, &data);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found() {
        let image = example::image();
        let places = Places::of(&image).unwrap();
        assert_eq!(image[places.guid], example::GUID);
        assert_eq!(places.timestamps.len(), 2);
        assert_eq!(
            word(&image, places.timestamps[0].start).unwrap(),
            0x0123_4567
        );
    }

    #[test]
    fn the_checksum_is_that_of_the_algorithm() {
        // 0x0201 + 0xffff folds to 0x0201; the third word is the checksum's own place; then 0x0005
        // from a last byte alone, and 7 bytes of length.
        let bytes = [0x01, 0x02, 0xff, 0xff, 0x77, 0x77, 0x05];
        assert_eq!(checksum(&bytes, &(4..6)).unwrap(), 0x0201 + 5 + 7);
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        assert!(Places::of(b"MZ").is_err());
        let image = example::image();
        let end = Places::of(&image).unwrap().guid.end;
        assert!(Places::of(&image[..end]).is_ok());
        assert!(Places::of(&image[..end - 1]).is_err());
    }
}
