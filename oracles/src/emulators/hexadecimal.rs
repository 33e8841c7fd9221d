//! Bytes as the trials' kernel prints them.

use anyhow::Result;

/// The bytes of a text of two digits each.
///
/// # Errors
///
/// If a character is no digit.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|digits| Ok(u8::from_str_radix(str::from_utf8(digits)?, 16)?))
        .collect()
}
