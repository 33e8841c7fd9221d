//! KVM's `dump_vmcb` in a kernel's log, of one processor or some, cut off, broken or changed.

use client::Format;
use svm_dumps::kvm;

use crate::dumps::{self, Tool};

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    dumps::run(
        input,
        &Tool {
            format: Format::Kvm,
            print: &|page, _, way| kvm::logged(&kvm::printed(page), way % kvm::WAYS),
            shown: kvm::shown,
            most_processors: 3,
            has_words: true,
        },
    );
}
