//! Where system calls enter, and with which flags.

use super::{Finding, FindingId, unfit};
use crate::model::{Snapshot, field};

/// TF, IF and DF of RFLAGS.
const FLAGS_TO_CLEAR: u64 = 0x700;

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let mut judge = |id, name, is_fit: &dyn Fn(u64) -> bool, what: &str| {
        let found = field::named(name).and_then(|field| {
            let sentence = |place: &str| format!("{} {what} on {place}", field.heading);
            unfit(snapshot, id, field, is_fit, sentence)
        });
        findings.extend(found);
    };
    judge(
        FindingId::LstarOutsideKernel,
        "lstar",
        &|address| is_in_kernel(snapshot, address),
        "does not point into the kernel's image",
    );
    judge(
        FindingId::SysenterOutsideKernel,
        "sysenter_eip",
        &|address| address == 0 || is_in_kernel(snapshot, address),
        "does not point into the kernel's image",
    );
    judge(
        FindingId::SfmaskWeak,
        "sfmask",
        &|flags| flags & FLAGS_TO_CLEAR == FLAGS_TO_CLEAR,
        "lets the caller choose IF, TF or DF",
    );
}

/// Whether the address lies in the kernel's image, as far as the snapshot can tell.
fn is_in_kernel(snapshot: &Snapshot, address: u64) -> bool {
    match snapshot.modules.first() {
        Some(kernel) => kernel.contains(address),
        None => is_upper_half(address),
    }
}

/// Whether an address belongs to the kernel's half of the address space.
pub(super) fn is_upper_half(address: u64) -> bool {
    address >> 63 == 1
}
