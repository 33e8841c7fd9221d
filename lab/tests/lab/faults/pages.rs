//! Pages that VMSAVE is refused for: an injected `#GP` that goes by the operand, as processors raise it
//! for addresses that their host has reserved.

use std::collections::{BTreeMap, BTreeSet};

use amd_svm::Fault;
use amd_svm::support::{Refusal, Step};
use amd_svm::vmcb::VmsaveState;
use lab::{
    Access, AllocationKind, GuardedInstruction, Handle, InjectedException, Injection, Lab, Report,
};
use protocol::{Outcome, RefusedPage, SnapshotRecord, StatusRecord};

use crate::support::fault_tally::FaultTally;
use crate::support::query::query;
use crate::support::{boot, config};

const PROCESSORS: u32 = 3;

/// The one whose pages are refused.
const UNLUCKY: u32 = 1;

const PAGE: u64 = 4096;

/// How far the driver goes away from a refused page, in bytes.
const NEIGHBOURHOOD: u64 = 16 << 20;

/// How many pages the driver keeps for each processor that were refused.
const REFUSED_PAGES: usize = 3;

const REFUSAL: Refusal = Refusal::Fault {
    step: Step::Vmsave,
    fault: Fault::GeneralProtection,
};

fn opened() -> (Lab, Handle) {
    let mut lab = boot(&config(PROCESSORS));
    lab.load().unwrap_or_else(|error| panic!("{error}"));
    let handle = lab.open(protocol::USER_PATH, Access::READ).unwrap();
    (lab, handle)
}

/// Ends the run, and sees that nothing is left.
fn closed(mut lab: Lab, handle: Handle) -> Report {
    lab.close(handle).unwrap();
    let report = lab.unload().unwrap();
    assert!(report.is_clean(), "{report:?}");
    lab.shutdown().unwrap();
    report
}

/// From now on, VMSAVE to these physical addresses raises `#GP` on the processor.
fn reserve(lab: &mut Lab, first: u64, last: u64) {
    let injection = Injection {
        instruction: GuardedInstruction::VmsaveTo { first, last },
        exception: InjectedException::GeneralProtection,
        skip: 0,
        count: u32::MAX,
    };
    lab.inject_fault(UNLUCKY, injection).unwrap();
}

fn pages(lab: &mut Lab) -> BTreeSet<u64> {
    let report = lab.report().unwrap();
    let pages = report.allocations.iter();
    let pages = pages.filter(|allocation| allocation.kind == AllocationKind::Contiguous);
    pages.map(|page| page.physical_address).collect()
}

fn snapshot(lab: &mut Lab, handle: Handle) -> Vec<SnapshotRecord> {
    query::<SnapshotRecord>(lab, handle, PROCESSORS).records
}

/// The page that a snapshot's state of the processor was stored in.
fn page_of(lab: &mut Lab, record: &SnapshotRecord) -> u64 {
    let pages = pages(lab).into_iter();
    let mut stored = pages.filter(|&page| {
        let bytes = lab.read_physical(page, 4096).unwrap();
        VmsaveState::read_from(&bytes.try_into().unwrap()) == record.state
    });
    let page = stored.next().expect("a page with that state");
    assert_eq!(stored.next(), None, "each processor has a state of its own");
    page
}

/// Takes a snapshot, sees that all other processors captured, and returns what the unlucky one says.
fn outcome(lab: &mut Lab, handle: Handle) -> Outcome {
    let records = snapshot(lab, handle);
    for record in &records {
        assert_eq!(record.witness_outcome, record.outcome);
        let other = record.id.index != UNLUCKY;
        assert!(!other || record.outcome.is_done(), "{record:?}");
    }
    records[UNLUCKY as usize].outcome
}

fn assert_refused(outcome: Outcome, page: RefusedPage) {
    assert_eq!(outcome.refusal(), Some(REFUSAL));
    assert_eq!(outcome.refused_page(), Some(page));
}

#[test]
fn a_refused_page_is_replaced_before_the_next_snapshot() {
    let (mut lab, handle) = opened();
    let record = snapshot(&mut lab, handle)[UNLUCKY as usize];
    let page = page_of(&mut lab, &record);
    let before = pages(&mut lab);
    reserve(&mut lab, page, page + PAGE - 1);
    assert_refused(outcome(&mut lab, handle), RefusedPage::Replaced);
    assert_eq!(pages(&mut lab), before, "a snapshot takes nothing");

    let records = snapshot(&mut lab, handle);
    assert!(records.iter().all(|record| record.outcome.is_done()));
    let after = pages(&mut lab);
    assert!(
        after.is_superset(&before),
        "the refused page is given to no other processor"
    );
    let others: Vec<u64> = after.difference(&before).copied().collect();
    let [other] = others[..] else {
        panic!("{others:x?}");
    };
    let bytes = lab.read_physical(other, 4096).unwrap();
    let state = VmsaveState::read_from(&bytes.try_into().unwrap());
    assert_eq!(state, records[UNLUCKY as usize].state);
    assert!(
        page / NEIGHBOURHOOD != other / NEIGHBOURHOOD,
        "{other:#x} is beside {page:#x}"
    );

    for _ in 0..3 {
        assert!(outcome(&mut lab, handle).is_done());
        assert_eq!(pages(&mut lab), after, "snapshots take nothing any more");
    }
    assert_eq!(lab.report().unwrap().injected_faults(), 1);
    closed(lab, handle);
}

#[test]
fn a_status_does_not_forget_a_refused_page() {
    let (mut lab, handle) = opened();
    let record = snapshot(&mut lab, handle)[UNLUCKY as usize];
    let page = page_of(&mut lab, &record);
    reserve(&mut lab, page, page + PAGE - 1);
    assert_refused(outcome(&mut lab, handle), RefusedPage::Replaced);
    for _ in 0..2 {
        let statuses = query::<StatusRecord>(&mut lab, handle, PROCESSORS).records;
        assert!(statuses.iter().all(|status| status.outcome.is_done()));
    }
    assert!(outcome(&mut lab, handle).is_done());
    closed(lab, handle);
}

/// Each call that replacing takes fails once.
#[test]
fn a_page_that_cannot_be_replaced_is_kept_and_the_record_says_so() {
    let mut tally = FaultTally::default();
    let mut kept = BTreeMap::new();
    let mut call = 0;
    loop {
        call += 1;
        let (mut lab, handle) = opened();
        let record = snapshot(&mut lab, handle)[UNLUCKY as usize];
        let page = page_of(&mut lab, &record);
        let before = pages(&mut lab);
        reserve(&mut lab, page, page + PAGE - 1);
        assert_refused(outcome(&mut lab, handle), RefusedPage::Replaced);
        let calls = lab.report().unwrap().failable_calls;
        lab.fail_allocation(call).unwrap();
        let second = outcome(&mut lab, handle);
        if lab.report().unwrap().failable_calls - calls < call {
            assert!(second.is_done());
            lab.fail_allocation(0).unwrap();
            closed(lab, handle);
            break;
        }
        tally.point();
        kept.insert(call, !second.is_done());
        if !second.is_done() {
            assert_refused(second, RefusedPage::Kept);
            assert_eq!(pages(&mut lab), before, "the page is kept");
        }
        assert!(outcome(&mut lab, handle).is_done(), "call {call}");
        tally.survived();
        tally.left_over(&closed(lab, handle));
    }
    // A place for the replaced context; the new one's number, page, memory and DPC target are what it
    // takes. Without its node, or a page there, it takes another page.
    let refused = kept.values().filter(|kept| **kept).count();
    assert!(refused >= 4 && refused < kept.len(), "{kept:?}");
    assert_eq!(tally.print("pages not replaced"), kept.len() as u64);
}

/// A hypervisor that refuses VMSAVE for every page costs no more than a few.
#[test]
fn a_processor_without_a_good_page_takes_a_few_and_no_more() {
    let (mut lab, handle) = opened();
    let before = pages(&mut lab);
    reserve(&mut lab, 0, u64::MAX);
    let most = REFUSED_PAGES * PROCESSORS as usize;
    for snapshots in 0..most + 3 {
        let page = if snapshots <= most {
            RefusedPage::Replaced
        } else {
            RefusedPage::Kept
        };
        assert_refused(outcome(&mut lab, handle), page);
        assert_eq!(pages(&mut lab).len(), before.len() + snapshots.min(most));
    }
    closed(lab, handle);
}
