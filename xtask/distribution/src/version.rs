//! The version that an image has in its resources.

use anyhow::{Context as _, Result, ensure};
use object::pe::RT_VERSION;
use object::read::pe::PeFile64;
use object::{LittleEndian as LE, ReadRef as _};
use wdk_linux::image::word;

/// Where the fixed part begins: after two lengths, a type, the key `VS_VERSION_INFO` in UTF-16
/// with its zero, and what aligns to four bytes.
const FIXED_PART: usize = 40;

/// `VS_FIXEDFILEINFO` begins with it.
const SIGNATURE: u32 = 0xfeef_04bd;

/// The file's version, in the notation of an INF: `0.1.0.0`.
pub(crate) fn file_version(image: &[u8]) -> Result<String> {
    let resource = version_resource(image)?;
    ensure!(
        word(resource, FIXED_PART)? == SIGNATURE,
        "the version resource is none"
    );
    let high = word(resource, FIXED_PART + 8)?;
    let low = word(resource, FIXED_PART + 12)?;
    let parts = [high >> 16, high & 0xffff, low >> 16, low & 0xffff];
    Ok(parts.map(|part| part.to_string()).join("."))
}

/// The resource of the type for versions, of whatever name and language: an image has one.
fn version_resource(image: &[u8]) -> Result<&[u8]> {
    let parsed = PeFile64::parse(image)?;
    let sections = parsed.section_table();
    let directory = parsed
        .data_directories()
        .resource_directory(image, &sections)?
        .context("the image has no resources")?;
    let entry = directory
        .root()?
        .entries
        .iter()
        .find(|entry| entry.name_or_id().id() == Some(RT_VERSION))
        .context("the image has no version resource")?;
    let names = entry.data(directory)?.table().context("a type has names")?;
    let name = names.entries.first().context("a type has a name")?;
    let languages = name
        .data(directory)?
        .table()
        .context("a name has languages")?;
    let language = languages.entries.first().context("a name has a language")?;
    let data = language
        .data(directory)?
        .data()
        .context("a language has data")?;
    let (offset, _) = sections
        .pe_file_range_at(data.offset_to_data.get(LE))
        .context("the version resource is in no section")?;
    image
        .read_bytes_at(u64::from(offset), u64::from(data.size.get(LE)))
        .ok()
        .context("the version resource is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wdk_linux::image::example;

    #[test]
    fn an_image_without_a_version_is_an_error_that_says_so() {
        let error = file_version(&example::image()).unwrap_err();
        assert_eq!(error.to_string(), "the image has no resources");
        assert!(file_version(b"MZ").is_err());
    }
}
