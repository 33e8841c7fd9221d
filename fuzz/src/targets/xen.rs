//! Xen's `svm_vmcb_dump`, cut off, broken or changed.

use client::Format;
use svm_dumps::xen;

use crate::dumps::{self, Tool};

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    dumps::run(
        input,
        &Tool {
            format: Format::Xen,
            print: &|page, _, _| xen::printed(page),
            shown: |_| {},
            most_processors: 3,
            has_words: true,
        },
    );
}
