//! Low resources: each call that may fail does, one after the other.

mod support;
#[path = "support/survey.rs"]
mod survey;

use lab::{Access, Error};
use protocol::SnapshotRecord;
use support::{boot, config};
use survey::survey;

const PROCESSORS: u32 = 3;
const INSUFFICIENT_RESOURCES: u32 = 0xC000_009A;

#[test]
fn loading_fails_cleanly_until_it_needs_no_more() {
    let mut lab = boot(&config(PROCESSORS));
    let mut failures = 0;
    loop {
        lab.fail_allocation(failures + 1).unwrap();
        let before = lab.report().unwrap().failable_calls;
        match lab.load() {
            Ok(_) => break,
            Err(Error::Load { status, .. }) => assert_eq!(status, INSUFFICIENT_RESOURCES),
            Err(other) => panic!("call {}: {other}", failures + 1),
        }
        let report = lab.report().unwrap();
        assert!(report.is_clean(), "call {}: {report:?}", failures + 1);
        assert_eq!(
            report.failable_calls - before,
            failures + 1,
            "it ended there"
        );
        failures += 1;
    }
    println!("{failures} calls of loading failed and were survived");
    // The device, its handle, its security, its link; memory for each processor.
    assert!(failures > u64::from(4 + PROCESSORS), "{failures}");

    lab.fail_allocation(1).unwrap();
    let before = lab.report().unwrap();
    let handle = lab.open(protocol::USER_PATH, Access::READ).unwrap();
    let survey = survey::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
    assert!(!survey.redacted);
    let after = lab.report().unwrap();
    assert_eq!(
        after.failable_calls, before.failable_calls,
        "snapshots take nothing"
    );
    lab.close(handle).unwrap();
    assert!(lab.unload().unwrap().is_clean());
    lab.shutdown().unwrap();
}
