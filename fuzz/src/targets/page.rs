//! Any page, taken for a VMCB and for a save area: no byte is lost on the way through JSON, nor of
//! one that is recognised on the way through a hex dump.

use std::fmt::Write as _;

use amd_svm::vmcb::VMCB_SIZE;
use client::{Format, Snapshot};

use crate::program::run_client_on;

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let mut page = bytes.to_vec();
    page.resize(VMCB_SIZE, 0);
    for format in [Format::Vmcb, Format::Vmsa] {
        let snapshot = Snapshot::parse_as(&page, Some(format)).expect("any page");
        let json = snapshot.to_json().expect("numbers and strings");
        let again = Snapshot::parse(json.as_bytes()).expect("what was written");
        assert_eq!(again, snapshot);
        assert_eq!(again.to_pages().expect("a page"), page);
        run_client_on(&page, &[&["decode", "--vmrun", "--format", format.name()]]);
    }
    // A page may be text with zeros behind it, too.
    let is_same = |read: Snapshot| read.to_pages().is_ok_and(|bytes| bytes == page);
    if Snapshot::parse(&page).is_ok_and(is_same) {
        let mut text = String::new();
        for (at, row) in page.chunks(16).enumerate() {
            write!(text, "{:08x}:", 16 * at).expect("a string");
            for byte in row {
                write!(text, " {byte:02x}").expect("a string");
            }
            text.push('\n');
        }
        let read = Snapshot::parse(text.as_bytes()).expect("a dump of a page");
        assert_eq!(read.to_pages().expect("a page"), page);
    }
}
