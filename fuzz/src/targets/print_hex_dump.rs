//! A page in hexadecimal as a kernel's `print_hex_dump` has it, cut off, broken or changed.

use svm_dumps::hexadecimal::PRINT_HEX_DUMP;

use crate::dumps;

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    dumps::hexadecimal(input, PRINT_HEX_DUMP, true);
}
