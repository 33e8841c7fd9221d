//! A driver's image, as the file that Windows' loader reads.

pub mod example;
pub(crate) mod identity;

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

/// The 32 bits at a place of a file.
///
/// # Errors
///
/// If the file ends before.
pub fn word(image: &[u8], place: usize) -> Result<u32> {
    let bytes = image.get(range(place, 4)).context("the image is cut off")?;
    Ok(u32::from_le_bytes(bytes.try_into()?))
}

/// The checksum that an image should have in its header.
///
/// # Errors
///
/// If it is not an image of a driver.
pub fn expected_checksum(image: &[u8]) -> Result<u32> {
    checksum(image, &Places::of(image)?.checksum)
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
