//! A page in hexadecimal as plain digits, cut off, broken or changed.

use svm_dumps::hexadecimal::PLAIN;

use crate::dumps;

/// Runs the target on one input.
pub fn run(input: &[u8]) {
    dumps::hexadecimal(input, PLAIN);
}
