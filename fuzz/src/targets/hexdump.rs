//! A page in hexadecimal as hexdump and od have it, cut off, broken or changed.

use svm_dumps::hexadecimal::HEXDUMP;

use crate::dumps;

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    dumps::hexadecimal(input, HEXDUMP, false);
}
