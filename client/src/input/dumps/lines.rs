//! Lines of a log, and the words in them.

use std::borrow::Cow;

/// A line in small letters, without colours.
pub(super) struct Line<'a> {
    pub(super) text: Cow<'a, str>,
    /// Whether the text ends with it, in its middle perhaps.
    pub(super) may_be_cut: bool,
}

/// The lines of a text.
pub(super) fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.split_inclusive(['\n', '\r']).map(|line| Line {
        may_be_cut: !line.ends_with(['\n', '\r']),
        text: small(line.trim_end_matches(['\n', '\r'])),
    })
}

fn small(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        if !line.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return line.into();
        }
        return line.to_ascii_lowercase().into();
    }
    let mut plain = String::with_capacity(line.len());
    let mut pieces = line.split("\u{1b}[");
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece.find(|character: char| character.is_ascii_alphabetic());
        plain.push_str(end.map_or("", |end| &piece[end + 1..]));
    }
    plain.make_ascii_lowercase();
    plain.into()
}

/// Where the word that ends at an offset begins: letters, digits and underscores.
pub(super) fn word_before(text: &str, end: usize) -> &str {
    let before = &text[..end];
    let start = before
        .rfind(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
    &before[start..]
}

/// A number as it stands in a line.
#[derive(Clone, Copy)]
pub(super) struct Number<'a> {
    /// Its digits, without `0x`.
    digits: &'a str,
    is_negative: bool,
    is_prefixed: bool,
    /// Whether more digits may have been lost.
    may_be_cut: bool,
}

impl<'a> Number<'a> {
    /// The number that stands first in the text, behind blanks, and what stands behind it.
    pub(super) fn first(text: &'a str, may_be_cut: bool) -> Option<(Self, &'a str)> {
        let text = text.trim_start_matches([' ', '\t']);
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (is_prefixed, text) = match text.strip_prefix("0x") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let end = text
            .find(|character: char| !character.is_ascii_hexdigit())
            .unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        let ends = !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        let number = Self {
            digits,
            is_negative,
            is_prefixed,
            may_be_cut: may_be_cut && rest.is_empty(),
        };
        (ends && !digits.is_empty()).then_some((number, rest))
    }

    pub(super) fn digits(self) -> &'a str {
        self.digits
    }

    /// In hexadecimal. If it was printed with a fixed number of digits and ends the text with
    /// fewer, the others were cut off.
    pub(super) fn hexadecimal(self, digits: usize) -> Option<u64> {
        if self.is_negative || self.may_be_cut && self.digits.len() < digits {
            return None;
        }
        u64::from_str_radix(self.digits, 16).ok()
    }

    /// In decimal, unless it does not look like that. A negative number has that many bytes.
    pub(super) fn decimal(self, bytes: usize) -> Option<u64> {
        let is_decimal = self.digits.bytes().all(|digit| digit.is_ascii_digit());
        if self.is_prefixed || !is_decimal || self.digits.len() == 16 {
            return self.hexadecimal(0);
        }
        let value: u64 = self.digits.parse().ok()?;
        if !self.is_negative {
            return Some(value);
        }
        let mask = u64::MAX >> (64 - 8 * bytes.clamp(1, 8));
        Some(value.wrapping_neg() & mask)
    }
}
