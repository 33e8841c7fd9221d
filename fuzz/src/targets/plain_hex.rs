//! Pages in hexadecimal as plain digits, cut off, broken or changed.

use client::{Format, Snapshot};
use svm_dumps::hexadecimal::PLAIN;

use crate::{damage, dumps};

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    dumps::hexadecimal(input, PLAIN, false);
    several(input);
}

/// Some pages in one dump, whose last row may be short: they are read back.
fn several(input: &[u8]) {
    let count = 1 + usize::from(input.first().copied().unwrap_or(0)) % 8;
    let mut pages = Vec::new();
    let mut stream = input;
    for _ in 0..count {
        let (page, behind) = damage::page(stream);
        pages.extend(page);
        stream = behind;
    }
    for form in PLAIN {
        let text = (form.print)(&pages);
        let read = Snapshot::parse_as(text.as_bytes(), Some(Format::Hex));
        let read = read.and_then(|snapshot| snapshot.to_pages());
        assert_eq!(read.ok().as_ref(), Some(&pages), "{}", form.name);
    }
}
