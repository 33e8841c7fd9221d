//! Dumps of KVM, Xen and QEMU and hex dumps, each taken for every one of them: what is understood is
//! understood the same way when it is written as JSON, takes a bounded share of memory, and is shown.

use client::{Format, Snapshot};

use crate::memory::assert_bounded;
use crate::program::run_client_on;

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    for format in [Format::Kvm, Format::Xen, Format::Qemu, Format::Hex] {
        let read = assert_bounded(bytes, |bytes| Snapshot::parse_as(bytes, Some(format)));
        let Ok(snapshot) = read else {
            continue;
        };
        assert!(!snapshot.processors.is_empty());
        let json = snapshot.to_json().expect("numbers and strings");
        let again = Snapshot::parse(json.as_bytes()).expect("what was written");
        assert_eq!(again, snapshot);
        run_client_on(
            bytes,
            &[
                &["decode", "--vmrun", "--format", format.name()],
                &["decode", "--json", "--format", format.name()],
            ],
        );
    }
}
