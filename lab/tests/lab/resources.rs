//! Low resources: each call that may fail does, one after the other; and DPCs that are
//! refused.

use std::collections::BTreeSet;

use lab::{Access, AllocationKind, Config, Error, Handle, IoctlResult, Lab, LogSource, Report};
use protocol::{Outcome, Reply, SnapshotRecord};

use crate::support::fault_tally::FaultTally;
use crate::support::query::{query, try_query};
use crate::support::{boot, config};

const PROCESSORS: u32 = 3;

/// What a call fails with that finds no memory, and one that finds no processor.
const INSUFFICIENT_RESOURCES: u32 = 0xC000_009A;
const INVALID_PARAMETER: u32 = 0xC000_000D;
const FAILURES: [u32; 2] = [INSUFFICIENT_RESOURCES, INVALID_PARAMETER];

/// Calls for a processor that may fail: its number and node, page, state and DPC target.
const CALLS_PER_PROCESSOR: u64 = 5;

/// Those that it can do without: its node, and a page there.
const DISPENSABLE: u64 = 2;

fn open(lab: &mut Lab) -> Handle {
    lab.open(protocol::USER_PATH, Access::READ).unwrap()
}

fn failable_calls(lab: &mut Lab) -> u64 {
    lab.report().unwrap().failable_calls
}

/// Loads the driver while one of its calls fails, and sees that nothing is left: the nodes of its
/// pages if it can do without the call, otherwise the status that it fails with and the step that it
/// prints to the debugger.
fn load_without(
    lab: &mut Lab,
    call: u64,
    tally: &mut FaultTally,
) -> Result<Vec<u16>, (u32, String)> {
    lab.fail_allocation(call).unwrap();
    tally.point();
    let before = failable_calls(lab);
    let others = printed(lab).len();
    let (result, report) = match lab.load() {
        Ok(_) => {
            let nodes = nodes_of_pages(&lab.report().unwrap());
            assert_eq!(printed(lab).len(), others, "{:?}", lab.log());
            (Ok(nodes), lab.unload().unwrap())
        }
        Err(Error::Load { status, .. }) => {
            let report = lab.report().unwrap();
            assert_eq!(report.failable_calls - before, call, "it ended there");
            let step = step_of_failure(lab, others, status);
            (Err((status, step)), report)
        }
        Err(other) => panic!("call {call}: {other}"),
    };
    assert!(report.is_clean(), "call {call}: {report:?}");
    tally.left_over(&report);
    tally.survived();
    result
}

#[test]
fn loading_fails_cleanly_whatever_it_does_not_get() {
    let mut lab = boot(&Config {
        nodes: vec![0, 1, 2],
        ..config(PROCESSORS)
    });
    let before = failable_calls(&mut lab);
    lab.load().unwrap();
    let needed = failable_calls(&mut lab) - before;
    lab.unload().unwrap();
    // The device, its handle, its security, its link; memory for each processor.
    assert!(
        needed > 4 + CALLS_PER_PROCESSOR * u64::from(PROCESSORS),
        "{needed}"
    );
    let mut tally = FaultTally::default();
    let mut statuses = Vec::new();
    let mut steps = BTreeSet::new();
    let mut nodes = Vec::new();
    for call in 1..=needed {
        match load_without(&mut lab, call, &mut tally) {
            Ok(found) => nodes.push(found),
            Err((status, step)) => {
                statuses.push(status);
                steps.insert(step);
            }
        }
    }
    for status in FAILURES {
        assert!(statuses.contains(&status), "{statuses:x?}");
    }
    assert_eq!(steps, STEPS.map(String::from).into());
    assert!(statuses.iter().all(|status| FAILURES.contains(status)));
    // One processor's page is not of its node, but from the top of memory, which is the last one's.
    assert_eq!(nodes.len() as u64, DISPENSABLE * u64::from(PROCESSORS));
    for moved in [[1, 2, 2], [0, 2, 2], [0, 1, 2]] {
        let count = nodes.iter().filter(|nodes| **nodes == moved).count();
        assert_eq!(count as u64, DISPENSABLE, "{nodes:?}");
    }
    assert_eq!(tally.print("low resources"), needed);

    lab.load().unwrap();
    lab.fail_allocation(1).unwrap();
    let before = failable_calls(&mut lab);
    let handle = open(&mut lab);
    let reply = query::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
    assert!(!reply.redacted);
    assert_eq!(failable_calls(&mut lab), before, "snapshots take nothing");
    lab.close(handle).unwrap();
    assert!(lab.unload().unwrap().is_clean());
    lab.shutdown().unwrap();
}

/// The steps of loading, as the driver names one that failed.
const STEPS: [&str; 4] = [
    "creating the device",
    "creating the symbolic link",
    "preparing the processors",
    "restricting access to the device",
];

/// What the driver printed to the debugger.
fn printed(lab: &Lab) -> Vec<&str> {
    let lines = lab.log().iter();
    let lines = lines.filter(|line| line.source == LogSource::Driver);
    lines.map(|line| line.text.as_str()).collect()
}

/// The step in the one line that the driver printed after so many others, beside the status.
fn step_of_failure(lab: &Lab, others: usize, status: u32) -> String {
    let lines = printed(lab);
    let [line] = &lines[others..] else {
        panic!("{lines:?} after {others}");
    };
    line.strip_prefix("svmsave is not loaded: ")
        .and_then(|rest| rest.strip_suffix(&format!(" failed with status {status:#010x}")))
        .unwrap_or_else(|| panic!("{line}"))
        .to_owned()
}

/// The nodes that the pages of the driver are of, in order.
fn nodes_of_pages(report: &Report) -> Vec<u16> {
    let pages = report.allocations.iter();
    let pages = pages.filter(|allocation| allocation.kind == AllocationKind::Contiguous);
    let mut nodes: Vec<u16> = pages.map(|page| page.node).collect();
    nodes.sort_unstable();
    nodes
}

/// A machine to which two processors were added when the driver had seen only the first.
fn grown() -> (Lab, Handle) {
    let mut lab = boot(&Config {
        parked: 2,
        ..config(PROCESSORS)
    });
    lab.load().unwrap_or_else(|error| panic!("{error}"));
    let handle = open(&mut lab);
    lab.add_processors(2, None).unwrap();
    (lab, handle)
}

fn attempt(lab: &mut Lab, handle: Handle) -> IoctlResult {
    try_query::<SnapshotRecord>(lab, handle, PROCESSORS).unwrap_or_else(|error| panic!("{error}"))
}

fn assert_complete(reply: &IoctlResult) {
    assert_eq!(reply.status, 0, "{:#010x}", reply.status);
    let reply = Reply::<SnapshotRecord>::parse(&reply.output).unwrap();
    let indexes: Vec<u32> = reply.records().map(|record| record.id.index).collect();
    assert_eq!(indexes, [0, 1, 2]);
    assert!(reply.records().all(|record| record.outcome.is_done()));
}

/// Unloads, and counts what is left.
fn leave(mut lab: Lab, handle: Handle, tally: &mut FaultTally) {
    lab.fail_allocation(0).unwrap();
    lab.close(handle).unwrap();
    let report = lab.unload().unwrap();
    assert!(report.is_clean(), "{report:?}");
    tally.left_over(&report);
    lab.shutdown().unwrap();
}

#[test]
fn a_growing_snapshot_fails_cleanly_and_the_next_one_is_complete() {
    // Room for the contexts of two processors, and what each takes.
    const NEEDED: u64 = 1 + 2 * CALLS_PER_PROCESSOR;
    let mut tally = FaultTally::default();
    let (mut lab, handle) = grown();
    let before = failable_calls(&mut lab);
    assert_complete(&attempt(&mut lab, handle));
    assert_eq!(failable_calls(&mut lab) - before, NEEDED);
    leave(lab, handle, &mut tally);
    let mut complete = 0;
    for call in 1..=NEEDED {
        let (mut lab, handle) = grown();
        lab.fail_allocation(call).unwrap();
        tally.point();
        let before = failable_calls(&mut lab);
        let reply = attempt(&mut lab, handle);
        if reply.status == 0 {
            complete += 1;
            assert_complete(&reply);
        } else {
            assert!(FAILURES.contains(&reply.status), "{:#010x}", reply.status);
            assert_eq!((reply.information, reply.output.len()), (0, 0));
            assert_eq!(failable_calls(&mut lab) - before, call, "it ended there");
            assert_complete(&attempt(&mut lab, handle));
        }
        let before = failable_calls(&mut lab);
        assert_complete(&attempt(&mut lab, handle));
        assert_eq!(failable_calls(&mut lab), before, "snapshots take nothing");
        leave(lab, handle, &mut tally);
        tally.survived();
    }
    assert_eq!(complete, 2 * DISPENSABLE);
    assert_eq!(tally.print("low resources"), NEEDED);
}

#[test]
fn a_growing_snapshot_that_keeps_failing_leaves_nothing_at_unload() {
    let mut tally = FaultTally::default();
    let (mut lab, handle) = grown();
    for _ in 0..20 {
        lab.fail_allocation(1).unwrap();
        tally.point();
        let reply = attempt(&mut lab, handle);
        assert!(FAILURES.contains(&reply.status), "{:#010x}", reply.status);
        tally.survived();
    }
    leave(lab, handle, &mut tally);
    tally.print("low resources");
}

#[test]
fn a_dpc_that_cannot_be_queued_costs_its_processor_the_record_and_no_other() {
    // More than one DPC queues, so that some of those which are refused would have queued
    // others.
    const MANY: u32 = 23;
    let mut lab = boot(&config(MANY));
    lab.load().unwrap_or_else(|error| panic!("{error}"));
    let handle = open(&mut lab);
    let mut tally = FaultTally::default();
    let mut refused = BTreeSet::new();
    for nth in 1..=MANY.into() {
        lab.refuse_dpc(nth).unwrap();
        tally.point();
        let reply = query::<SnapshotRecord>(&mut lab, handle, MANY);
        let (done, missing): (Vec<&SnapshotRecord>, Vec<_>) = reply
            .records
            .iter()
            .partition(|record| record.outcome.is_done());
        assert_eq!((done.len(), missing.len()), (MANY as usize - 1, 1));
        assert_eq!(missing[0].outcome, Outcome::NOT_REACHED);
        refused.insert(missing[0].id.index);
        tally.survived();
    }
    // The first to be queued is always that of the first processor.
    assert!(refused.contains(&0) && refused.len() > 5, "{refused:?}");
    let reply = query::<SnapshotRecord>(&mut lab, handle, MANY);
    assert!(reply.records.iter().all(|record| record.outcome.is_done()));
    leave(lab, handle, &mut tally);
    assert_eq!(tally.print("refused DPCs"), MANY.into());
}
