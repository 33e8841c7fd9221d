//! Files of VMCB pages and of save areas of SEV-ES guests, some of them, cut off or changed.

use amd_svm::vmcb::VMCB_SIZE;
use client::{Format, Snapshot};

use crate::damage;
use crate::memory::assert_bounded;
use crate::program::run_client_on;

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    let Some((&[count, changes, low, high], mut rest)) = input.split_first_chunk() else {
        return;
    };
    let count = 1 + usize::from(count % 4);
    let mut bytes = Vec::new();
    for _ in 0..count {
        let (page, behind) = damage::page(rest);
        bytes.extend(page);
        rest = behind;
    }
    let place = usize::from(u16::from_le_bytes([low, high]));
    match changes % 4 {
        1 => bytes.truncate(place % bytes.len()),
        2 => bytes.extend(vec![0; place % VMCB_SIZE]),
        3 => {
            let place = place % bytes.len();
            bytes[place] ^= 1 << (changes >> 5);
        }
        _ => {}
    }
    let is_whole = bytes.len().is_multiple_of(VMCB_SIZE) && !bytes.is_empty();
    for format in [Format::Vmcb, Format::Vmsa] {
        let read = assert_bounded(&bytes, |bytes| Snapshot::parse_as(bytes, Some(format)));
        assert_eq!(read.is_ok(), is_whole);
        let Ok(snapshot) = read else {
            continue;
        };
        assert_eq!(snapshot.processors.len(), bytes.len() / VMCB_SIZE);
        assert_eq!(snapshot.to_pages().expect("pages"), bytes);
        let json = snapshot.to_json().expect("numbers and strings");
        let again = Snapshot::parse(json.as_bytes()).expect("what was written");
        assert_eq!(again, snapshot);
    }
    run_client_on(
        &bytes,
        &[
            &["decode", "--vmrun"],
            &["decode", "--json"],
            &["decode", "--format", "vmsa"],
        ],
    );
}
