//! Each rule of `check`: a machine that breaks it, one that just does not, and one on which it
//! cannot be judged.

mod table;

use std::collections::BTreeSet;

use amd_svm::descriptor::Descriptor;
use client::{Capture, Extent, Field, FindingId, Judge, Snapshot, Unavailable, check};

use self::table::RULES;
use crate::fake::Driver;

/// A healthy machine of four processors, of which everything is known.
pub fn healthy() -> Snapshot {
    Snapshot::take(&mut &mut Driver::with_processors(4)).unwrap()
}

fn capture(snapshot: &mut Snapshot, index: usize) -> &mut Capture {
    snapshot.processors[index].result.as_mut().unwrap()
}

/// Lets what was read without VMSAVE say what VMSAVE says.
pub fn agree(snapshot: &mut Snapshot) {
    for processor in &mut snapshot.processors {
        let Ok(capture) = &mut processor.result else {
            continue;
        };
        let state = capture.vmsave;
        if let Some(Ok(witness)) = &mut capture.witness {
            witness.system_call = state.system_call;
            witness.fs_base = state.fs.base;
            witness.gs_base = state.gs.base;
            witness.fs_selector = state.fs.selector;
            witness.gs_selector = state.gs.selector;
            witness.tr_selector = state.tr.selector;
            witness.ldtr_selector = state.ldtr.selector;
            let low = |segment| Descriptor::of(segment).map_or(0, |descriptor| descriptor.low);
            let flat = amd_svm::segment::Segment {
                base: 0,
                ..state.gs
            };
            witness.fs_descriptor = low(&state.fs);
            witness.gs_descriptor = low(&flat);
            let tr = Descriptor::of(&state.tr).unwrap_or_default();
            witness.tr_descriptor = [tr.low, tr.high];
        }
    }
}

type Change = fn(&mut Snapshot);

struct Rule {
    id: FindingId,
    /// Breaks the rule, and no other but those that cannot be kept then.
    breaks: Change,
    also: &'static [FindingId],
    /// As near to it as a machine can come.
    keeps: Change,
    /// Takes away what the rule needs; none for rules that always can be judged.
    blinds: Option<Change>,
}

fn hide(snapshot: &mut Snapshot, field: Field) {
    snapshot.redacted.push(field);
}

fn every(snapshot: &mut Snapshot, change: fn(&mut Capture)) {
    for index in 0..snapshot.processors.len() {
        change(capture(snapshot, index));
    }
}

/// A page instead of what the driver took.
fn paged(snapshot: &mut Snapshot) {
    snapshot.driver = None;
    every(snapshot, |capture| {
        capture.details = None;
        capture.witness = None;
    });
}

fn no_modules(snapshot: &mut Snapshot) {
    snapshot.modules.clear();
}

fn refused(snapshot: &mut Snapshot) {
    snapshot.processors[2].result = Err(Unavailable::NotReached);
}

fn nothing(_: &mut Snapshot) {}

fn found(snapshot: &Snapshot) -> BTreeSet<FindingId> {
    let findings = check(snapshot).findings.into_iter();
    findings.map(|finding| finding.id).collect()
}

fn changed(change: Change, agrees: bool) -> Snapshot {
    let mut snapshot = healthy();
    change(&mut snapshot);
    if agrees {
        agree(&mut snapshot);
    }
    snapshot
}

#[test]
fn each_rule_is_broken_by_what_breaks_it_and_by_nothing_less() {
    for rule in RULES {
        let agrees = rule.id != FindingId::VmsaveContradicted;
        let mut expected: BTreeSet<_> = rule.also.iter().copied().collect();
        expected.insert(rule.id);
        assert_eq!(
            found(&changed(rule.breaks, agrees)),
            expected,
            "{}",
            rule.id
        );
        assert_eq!(
            found(&changed(rule.keeps, agrees)),
            BTreeSet::new(),
            "{}",
            rule.id
        );
    }
    let named: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(named, FindingId::all().collect());
}

#[test]
fn a_rule_that_cannot_be_judged_says_so_and_is_all_judged_otherwise() {
    assert!(check(&healthy()).is_complete());
    for rule in RULES {
        let gaps = |snapshot: &Snapshot| -> usize {
            let coverage = check(snapshot).coverage.into_iter();
            coverage
                .filter(|one| one.rule == rule.id && one.extent != Extent::Judged)
                .count()
        };
        if let Some(blinds) = rule.blinds {
            assert_ne!(gaps(&changed(blinds, true)), 0, "{}", rule.id);
        }
        assert_eq!(gaps(&healthy()), 0, "{}", rule.id);
    }
}

#[test]
fn what_real_processors_store_differently_is_no_alarm() {
    let mut snapshot = healthy();
    for (index, (tr, ldtr, gs)) in [
        (0x089, 0x082, 0xCF3),
        (0x08B, 0x000, 0x4F3),
        (0x089, 0x000, 0xCF2),
        (0x08B, 0x082, 0xCF3),
    ]
    .into_iter()
    .enumerate()
    {
        let state = &mut capture(&mut snapshot, index).vmsave;
        state.tr.attributes = tr.into();
        state.ldtr.attributes = ldtr.into();
        state.ldtr.limit = 0xFFFF;
        state.gs.attributes = gs.into();
    }
    assert_eq!(found(&snapshot), BTreeSet::new());
}

#[test]
fn the_kernel_need_not_be_first_and_a_majority_needs_more_than_half() {
    let mut snapshot = healthy();
    snapshot.modules.reverse();
    assert_eq!(found(&snapshot), BTreeSet::new());
    assert!(check(&snapshot).is_complete());

    let mut snapshot = healthy();
    capture(&mut snapshot, 2).vmsave.system_call.lstar += 0x40;
    capture(&mut snapshot, 3).vmsave.system_call.lstar += 0x80;
    agree(&mut snapshot);
    let verdict = check(&snapshot);
    assert!(
        verdict.findings[0]
            .sentence
            .ends_with("processors 0-1; processor 2; processor 3")
    );
    assert_eq!(
        (
            verdict.findings[0].values.len(),
            verdict.findings[0].others.len()
        ),
        (3, 0)
    );
}

#[test]
fn a_contradiction_of_all_processors_is_one_finding() {
    let mut snapshot = Snapshot::take(&mut &mut Driver::new(255, 64)).unwrap();
    every(&mut snapshot, |one| one.vmsave.system_call.lstar += 0x40);
    let verdict = check(&snapshot);
    assert_eq!(verdict.findings.len(), 1);
    assert_eq!(verdict.findings[0].processors.len(), 255);
}

#[test]
fn insisting_on_windows_judges_more() {
    let mut snapshot = changed(paged, false);
    every(&mut snapshot, |one| one.vmsave.tr.limit = 0x68);
    assert_eq!(found(&snapshot), BTreeSet::new());
    let verdict = Judge::default().as_windows().judge(&snapshot);
    assert_eq!(verdict.findings.len(), 1);
    assert_eq!(verdict.findings[0].id, FindingId::TrLimitWide);
    let verdict = Judge::default()
        .as_windows()
        .ignoring([FindingId::TrLimitWide])
        .judge(&snapshot);
    assert_eq!(verdict.findings, []);
    assert_eq!(verdict.ignored, [(FindingId::TrLimitWide, 1)]);
}
