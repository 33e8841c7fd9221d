//! The version that a driver has in its resources.

use crate::model::DriverVersion;

/// The key of a version resource, with its zero; in UTF-16 and followed by two zero bytes that align
/// to four, it stands before the fixed part.
const KEY: &str = "VS_VERSION_INFO\0";

/// `VS_FIXEDFILEINFO` begins with it.
const SIGNATURE: u32 = 0xFEEF_04BD;

/// The file's version out of an image's bytes, without its fourth number, which is a build's.
///
/// The resource is looked for by its key and signature: a whole reader of images would find the same.
///
/// Source: `VS_VERSIONINFO` and `VS_FIXEDFILEINFO` of Windows' documentation.
pub(in crate::setup) fn of_image(image: &[u8]) -> Option<DriverVersion> {
    let key: Vec<_> = KEY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = image.windows(key.len()).position(|bytes| bytes == key)?;
    let fixed = image.get(at + key.len() + 2..)?;
    let word = |index: usize| {
        let bytes = fixed.get(4 * index..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    };
    if word(0)? != SIGNATURE {
        return None;
    }
    let (high, low) = (word(2)?, word(3)?);
    let upper = |word: u32| (word >> 16) as u16;
    let lower = |word: u32| (word & 0xFFFF) as u16;
    Some([upper(high), lower(high), upper(low)].into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(signature: u32) -> Vec<u8> {
        let mut image = b"MZ, and much else".to_vec();
        image.extend(KEY.encode_utf16().flat_map(u16::to_le_bytes));
        image.extend([0, 0]);
        for word in [signature, 0x1_0000, 0x1_0002, 0x3_0004] {
            image.extend(u32::to_le_bytes(word));
        }
        image
    }

    #[test]
    fn the_version_is_read_from_the_resource() {
        let version = of_image(&image(SIGNATURE)).unwrap();
        assert_eq!(version.to_string(), "1.2.3");
    }

    #[test]
    fn an_image_without_a_whole_resource_has_none() {
        let whole = image(SIGNATURE);
        for length in 0..whole.len() {
            assert_eq!(of_image(&whole[..length]), None, "{length}");
        }
        assert_eq!(of_image(&image(0)), None);
    }
}
