//! How long the driver keeps a processor at `DISPATCH_LEVEL`, in instructions.

use lab::{Config, Lab};
use protocol::{SnapshotRecord, StatusRecord};

use super::client::{query_all, start, stop};
use crate::support::{boot, config};

/// Instructions that the longest DPC may take, all of it: the capture, the independent
/// reads, copying, and the lab's own `KeSetEvent`. The documentation asks for less than
/// 100 microseconds.
const LIMIT: u64 = 1_500;

fn longest_dpc(lab: &mut Lab) -> u64 {
    let report = lab.report().unwrap();
    let longest = report.processors.iter().map(|one| one.longest_dpc);
    longest.max().expect("a processor")
}

#[test]
fn a_dpc_takes_a_counted_number_of_instructions() {
    let mut lab = boot(&Config {
        count_instructions: true,
        ..config(1)
    });
    let handle = start(&mut lab);
    assert_eq!(longest_dpc(&mut lab), 0, "loading queues no DPC");
    query_all::<StatusRecord>(&mut lab, handle);
    let status = longest_dpc(&mut lab);
    query_all::<SnapshotRecord>(&mut lab, handle);
    let snapshot = longest_dpc(&mut lab);
    for _ in 0..10 {
        query_all::<SnapshotRecord>(&mut lab, handle);
        query_all::<StatusRecord>(&mut lab, handle);
    }
    println!("a DPC: at most {status} instructions for status, {snapshot} with a snapshot");
    assert!(status > 0);
    assert!(longest_dpc(&mut lab) <= LIMIT, "{}", longest_dpc(&mut lab));
    stop(&mut lab, handle);
}
