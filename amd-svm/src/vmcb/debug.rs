//! Pages as `Debug` prints them: by the names of a list of fields, without what is zero.

use core::fmt;

use super::fields::{Field, gaps};

/// Prints the bytes of a page from `start` on: fields that are not zero, and other bytes that are
/// not.
pub(super) fn page(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    bytes: &[u8],
    start: usize,
    fields: &[Field],
) -> fmt::Result {
    let of = |range: core::ops::Range<usize>| {
        let from = range.start.checked_sub(start)?;
        bytes.get(from..from + range.len())
    };
    let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let mut lines = f.debug_struct(name);
    for field in fields {
        if let Some(value) = of(field.range()).filter(|value| !is_zero(value)) {
            lines.field(field.name(), &Hexadecimal(value));
        }
    }
    for gap in gaps(fields, start + bytes.len()) {
        if let Some(value) = of(gap.clone()).filter(|value| !is_zero(value)) {
            lines.field("reserved", &Reserved(gap.start, value));
        }
    }
    lines.finish()
}

/// A number of up to eight bytes, or longer bytes one by one.
struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Debug for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = [0; 8];
        match number.get_mut(..self.0.len()) {
            Some(low) => {
                low.copy_from_slice(self.0);
                write!(f, "{:#x}", u64::from_le_bytes(number))
            }
            None => digits(f, self.0),
        }
    }
}

/// The bytes of a gap that are not zero: from the first to the last of them, with the offset.
struct Reserved<'a>(usize, &'a [u8]);

impl fmt::Debug for Reserved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(start, bytes) = self;
        let set = |byte: &u8| *byte != 0;
        let first = bytes.iter().position(set).unwrap_or(0);
        let last = bytes.iter().rposition(set).unwrap_or(0);
        write!(f, "{:#x}: ", start + first)?;
        digits(f, &bytes[first..=last])
    }
}

fn digits(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
