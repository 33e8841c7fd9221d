//! Bytes as text: UTF-8 and UTF-16, with a mark or without, as editors and Windows PowerShell write
//! them.

use std::borrow::Cow;

/// Text, and what stood behind it.
pub(crate) struct Text<'a> {
    /// In UTF-8, where the source is valid.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// NULs and Ctrl-Zs behind the end.
    pub(super) padding: usize,
}

/// As much as editors, C programs and DOS leave behind the end of a text.
const MOST_PADDING: usize = 4;

impl Text<'_> {
    /// Whether more stands behind the end than belongs to a text.
    pub(super) fn is_padded(&self) -> bool {
        self.padding > MOST_PADDING
    }

    /// The text, with replacements for what is no UTF-8, and with plain blanks for those that pages of
    /// the web and word processors have.
    pub(super) fn lossy(&self) -> Cow<'_, str> {
        let text = String::from_utf8_lossy(&self.bytes);
        let is_other = |letter: char| !letter.is_ascii() && letter.is_whitespace();
        if text.contains(is_other) {
            text.replace(is_other, " ").into()
        } else {
            text
        }
    }
}

/// The bytes as text, if that is what they are.
pub(crate) fn text(bytes: &[u8]) -> Option<Text<'_>> {
    const UTF_8: &[u8] = b"\xEF\xBB\xBF";
    for (mark, read) in [
        (b"\xFF\xFE", u16::from_le_bytes as fn([u8; 2]) -> u16),
        (b"\xFE\xFF", u16::from_be_bytes),
    ] {
        let marked = bytes.strip_prefix(mark);
        if let Some(text) = marked.and_then(|rest| Units::of(rest, read)?.text()) {
            return Some(text);
        }
        if let Some(text) = ascii_in_utf_16(bytes, read) {
            return Some(text);
        }
    }
    let marked = bytes.strip_prefix(UTF_8).unwrap_or(bytes);
    let (content, padding) = trim(marked, |byte| u32::from(*byte));
    let text = Text {
        bytes: content.into(),
        padding,
    };
    // A page may have nothing but its first bytes.
    let is_json = content.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let is_text = is_json || !text.is_padded() || begins_as_text(content);
    (!content.contains(&0) && is_text).then_some(text)
}

/// Whether the first bytes are letters, more of them than any page begins with.
pub(super) fn begins_as_text(bytes: &[u8]) -> bool {
    const ENOUGH: usize = 64;
    let is_letter = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let first = bytes.get(..ENOUGH);
    first.is_some_and(|first| first.iter().all(is_letter))
}

/// Whether all but the last byte is text in UTF-16.
pub(super) fn is_cut_utf_16(bytes: &[u8]) -> bool {
    let Some((_, whole)) = bytes.split_last().filter(|(_, whole)| whole.len() % 2 == 0) else {
        return false;
    };
    let is_text = |read| ascii_in_utf_16(whole, read).is_some();
    is_text(u16::from_le_bytes) || is_text(u16::from_be_bytes)
}

/// Text in UTF-16 without its mark, which has to look like what is written in ASCII.
fn ascii_in_utf_16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Option<Text<'static>> {
    let units = Units::of(bytes, read)?;
    // All text that comes here is asked whether it is this.
    let text = units.may_be_ascii().then(|| units.text()).flatten()?;
    is_mostly_ascii(&text).then_some(text)
}

/// Bytes that are read as UTF-16.
struct Units<'a> {
    content: &'a [[u8; 2]],
    padding: usize,
    read: fn([u8; 2]) -> u16,
}

impl<'a> Units<'a> {
    fn of(bytes: &'a [u8], read: fn([u8; 2]) -> u16) -> Option<Self> {
        // A tool that knows nothing of UTF-16 may have left an end of a line.
        let (units, [] | [0 | 0x1A | b'\n' | b'\r']) = bytes.as_chunks() else {
            return None;
        };
        // What is no such text is mostly told by its first few letters.
        let mut begins = units.iter().take(8).map(|unit| read(*unit));
        if begins.any(|unit| unit == 0) && units.len() > 8 {
            return None;
        }
        let (content, padding) = trim(units, |unit| u32::from(read(*unit)));
        Some(Self {
            content,
            padding,
            read,
        })
    }

    /// Whether the text could be [mostly ASCII](is_mostly_ascii), in which each unit becomes a byte
    /// at least.
    fn may_be_ascii(&self) -> bool {
        let is_other = |unit: &&[u8; 2]| (self.read)(**unit) > 0x7F;
        let most = self.content.len() / 10;
        self.content.iter().filter(is_other).nth(most).is_none()
    }

    fn text(&self) -> Option<Text<'static>> {
        let units: Vec<u16> = self.content.iter().map(|unit| (self.read)(*unit)).collect();
        let content = String::from_utf16(&units).ok()?;
        (!content.contains('\0')).then(|| Text {
            bytes: content.into_bytes().into(),
            padding: self.padding,
        })
    }
}

fn is_mostly_ascii(text: &Text) -> bool {
    let ascii = text
        .bytes
        .iter()
        .filter(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    !text.bytes.is_empty() && 10 * ascii.count() >= 9 * text.bytes.len()
}

/// What stands before trailing NULs, Ctrl-Zs and the blanks between them, and how many there are.
fn trim<T>(all: &[T], code: impl Fn(&T) -> u32) -> (&[T], usize) {
    let is_padding = |one: &T| matches!(code(one), 0 | 0x1A);
    let is_blank = |one: &T| matches!(code(one), 0x09 | 0x0A | 0x0D | 0x20);
    let end = all
        .iter()
        .rposition(|one| !is_padding(one) && !is_blank(one))
        .map_or(0, |last| last + 1);
    let behind = &all[end..];
    match behind.iter().position(is_padding) {
        Some(first) => {
            let padding = behind.iter().filter(|one| is_padding(one)).count();
            (&all[..end + first], padding)
        }
        None => (all, 0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Option<(String, usize)> {
        let text = text(bytes)?;
        Some((text.lossy().into_owned(), text.padding))
    }

    #[test]
    fn text_is_read_in_every_encoding_that_it_is_written_in() {
        let plain = "{ \"a\": 1 }\r\n";
        let expected = Some((plain.to_owned(), 0));
        let units: Vec<u16> = plain.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        assert_eq!(read(plain.as_bytes()), expected);
        assert_eq!(
            read(&[b"\xEF\xBB\xBF", plain.as_bytes()].concat()),
            expected
        );
        assert_eq!(read(&little), expected);
        assert_eq!(read(&big), expected);
        for short in ["{}", "[]", " \r\n", "ab", "abc"] {
            assert_eq!(read(short.as_bytes()), Some((short.to_owned(), 0)));
        }
        assert_eq!(read(&[b"\xFF\xFE", little.as_slice()].concat()), expected);
        assert_eq!(read(&[b"\xFE\xFF", big.as_slice()].concat()), expected);
        let padded = Some((plain.to_owned(), 1));
        assert_eq!(read(&[plain.as_bytes(), b"\0"].concat()), padded);
        assert_eq!(read(&[plain.as_bytes(), b"\x1A"].concat()), padded);
        assert_eq!(read(&[little.as_slice(), b"\0\0"].concat()), padded);
        for end in [b"\n", b"\0", b"\r", b"\x1A"] {
            assert_eq!(read(&[little.as_slice(), end].concat()), expected);
        }
        assert!(is_cut_utf_16(&[little.as_slice(), b"x"].concat()));
        assert!(!is_cut_utf_16(&little) && !is_cut_utf_16(b"abc"));
    }

    proptest! {
        #[test]
        fn what_is_mostly_ascii_is_known_before_it_is_read(
            letters in vec(prop_oneof![9 => 0x20_u16..0x7F, 1 => any::<u16>()], 0..64),
        ) {
            let bytes: Vec<u8> = letters.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let units = Units::of(&bytes, u16::from_le_bytes);
            let text = units.as_ref().and_then(Units::text);
            if text.is_some_and(|text| is_mostly_ascii(&text)) {
                prop_assert!(units.is_some_and(|units| units.may_be_ascii()));
            }
        }
    }

    #[test]
    fn a_log_is_text_however_many_nuls_a_crash_left_behind_it() {
        let log = "[  912.104411] kvm_amd: VMCB Control Area:\n".repeat(2);
        let padded = [log.as_bytes(), &[0; 4000]].concat();
        assert_eq!(read(&padded), Some((log, 4000)));
    }

    #[test]
    fn pages_are_no_text() {
        let mut page = vec![0; 4096];
        assert_eq!(read(&page), None);
        page[0] = 0x11;
        assert_eq!(read(&page), None);
        page[0x440] = 0x53;
        assert_eq!(read(&page), None);
    }
}
