//! A page in hexadecimal as xxd has it, cut off, broken or changed.

use svm_dumps::hexadecimal::XXD;

use crate::dumps;

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    dumps::hexadecimal(input, XXD, true);
}
