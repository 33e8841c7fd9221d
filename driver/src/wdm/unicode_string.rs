//! Counted UTF-16 strings, made at compile time.

use wdk_sys::UNICODE_STRING;

/// UTF-16 of an ASCII literal.
pub(crate) struct Utf16<const LENGTH: usize>([u16; LENGTH]);

impl<const LENGTH: usize> Utf16<LENGTH> {
    /// Widens `text`, which has exactly `LENGTH` bytes of ASCII.
    pub(crate) const fn new(text: &str) -> Self {
        assert!(text.is_ascii() && text.len() == LENGTH);
        let mut units = [0; LENGTH];
        let mut at = 0;
        while at < LENGTH {
            units[at] = text.as_bytes()[at] as u16;
            at += 1;
        }
        Self(units)
    }

    /// The form that the kernel's routines take. They read the buffer and do not write to it.
    pub(crate) fn as_unicode_string(&'static self) -> UNICODE_STRING {
        const { assert!(size_of::<[u16; LENGTH]>() <= u16::MAX as usize) };
        #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
        let bytes = size_of::<[u16; LENGTH]>() as u16;
        UNICODE_STRING {
            Length: bytes,
            MaximumLength: bytes,
            Buffer: self.0.as_ptr().cast_mut(),
        }
    }
}
