//! QEMU's `info registers`, and `info registers -a` of some processors, cut off, broken or changed.

use client::Format;
use svm_dumps::qemu;

use crate::dumps::{self, Tool};

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    dumps::run(
        input,
        &Tool {
            format: Format::Qemu,
            print: &|page, index, _| qemu::printed(page, index),
            shown: qemu::shown,
            most_processors: 3,
            has_words: true,
        },
    );
}
