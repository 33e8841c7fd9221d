//! Files with snapshots, as `Snapshot::parse` reads them: what is understood is understood the same
//! way when it is written again, and no file takes more memory than a multiple of its length.

use amd_svm::vmcb::VMCB_SIZE;
use client::{Capture, Snapshot};

use crate::memory::assert_bounded;

fn read(bytes: &[u8]) {
    let Ok(snapshot) = assert_bounded(bytes, Snapshot::parse) else {
        return;
    };
    assert!(!snapshot.processors.is_empty());
    let json = snapshot.to_json().expect("numbers and strings");
    let again = Snapshot::parse(json.as_bytes()).expect("what was written");
    assert_eq!(again, snapshot);
    assert_eq!(again.to_json().expect("the same"), json);
    if let Ok(pages) = snapshot.to_pages() {
        // A file may have pages of its own, which do not look like any.
        let Ok(bare) = Snapshot::parse(&pages) else {
            let captures = snapshot.processors.iter();
            let has_pages = |capture: &Capture| capture.pages.is_some();
            assert!(captures.flat_map(|one| &one.result).any(has_pages));
            return;
        };
        assert_eq!(bare.to_pages().expect("a page for each"), pages);
        let states = |snapshot: &Snapshot| -> Vec<_> {
            let captures = snapshot.processors.iter();
            captures
                .map(|processor| processor.result.as_ref().ok().map(|capture| capture.vmsave))
                .collect()
        };
        assert_eq!(states(&bare), states(&snapshot));
    }
}

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    read(bytes);
    let mut page = bytes.to_vec();
    page.resize(VMCB_SIZE, 0);
    read(&page);
}
