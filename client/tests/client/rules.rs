//! Each rule of `check`: a machine that breaks it, one that just does not, and one on which it
//! cannot be judged.

mod table;

use std::collections::BTreeSet;

use amd_svm::descriptor::Descriptor;
use amd_svm::segment::Segment;
use amd_svm::witness::Witness;
use client::{
    Capture, Extent, Field, Finding, FindingId, Judge, Reason, Snapshot, Unavailable, check,
};

use self::table::RULES;
use crate::fake::{Driver, module};
use crate::files::Folder;
use crate::run;

/// A healthy machine of four processors, of which everything is known.
pub(crate) fn healthy() -> Snapshot {
    Snapshot::take(&mut &mut Driver::with_processors(4)).unwrap()
}

fn capture(snapshot: &mut Snapshot, index: usize) -> &mut Capture {
    snapshot.processors[index].result.as_mut().unwrap()
}

/// The descriptor that a segment was loaded from, or the nearest that there is: a limit of more than
/// 20 bits counts pages.
fn descriptor(segment: &Segment, base: u64) -> Descriptor {
    let attributes = segment.attributes;
    let pages = segment.limit > 0xF_FFFF;
    let system = Segment {
        attributes: attributes.with_granularity(pages).with_code_or_data(false),
        limit: if pages {
            segment.limit | 0xFFF
        } else {
            segment.limit
        },
        base,
        ..*segment
    };
    let Descriptor { low, high } = Descriptor::of(&system).unwrap();
    let kind = u64::from(attributes.code_or_data()) << 44;
    Descriptor {
        low: low | kind,
        high,
    }
}

/// Lets what was read without VMSAVE say what VMSAVE says.
pub(crate) fn agree(snapshot: &mut Snapshot) {
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
            witness.fs_descriptor = descriptor(&state.fs, 0).low;
            witness.gs_descriptor = descriptor(&state.gs, 0).low;
            let Descriptor { low, high } = descriptor(&state.tr, state.tr.base);
            witness.tr_descriptor = [low, high];
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

fn witness(snapshot: &mut Snapshot, index: usize) -> &mut Witness {
    let read = capture(snapshot, index).witness.as_mut().unwrap();
    read.as_mut().unwrap()
}

/// How far a rule was judged on a processor.
fn extent(snapshot: &Snapshot, rule: FindingId, index: u32) -> Extent {
    let coverage = check(snapshot).coverage.into_iter();
    coverage
        .filter(|one| one.rule == rule)
        .find(|one| one.processors.iter().any(|id| id.index == index))
        .unwrap()
        .extent
}

fn finding(snapshot: &Snapshot, id: FindingId) -> Finding {
    let mut findings = check(snapshot).findings.into_iter();
    findings.find(|finding| finding.id == id).unwrap()
}

/// What `check` prints of it.
fn told(snapshot: &Snapshot) -> String {
    let folder = Folder::new();
    let path = folder.path("snapshot.json");
    std::fs::write(&path, snapshot.to_json().unwrap()).unwrap();
    run(&["check", &path], &mut Driver::with_processors(1)).stdout
}

fn indices(finding: &Finding) -> Vec<u32> {
    finding.processors.iter().map(|id| id.index).collect()
}

#[test]
fn a_descriptor_that_is_gone_does_not_hide_a_lie() {
    let mut snapshot = healthy();
    capture(&mut snapshot, 2).vmsave.tr.base ^= 0x666 << 12;
    witness(&mut snapshot, 2).tr_descriptor = [0; 2];
    let findings = check(&snapshot).findings;
    let fields: Vec<Field> = findings.iter().map(|one| one.values[0].field).collect();
    assert_eq!(fields, [Field::TrAttrib, Field::TrLimit, Field::TrBase]);
    for finding in findings {
        assert_eq!(finding.id, FindingId::VmsaveContradicted);
        assert_eq!(indices(&finding), [2]);
    }
    let mut snapshot = healthy();
    witness(&mut snapshot, 2).fs_descriptor &= !(1 << 47);
    assert_eq!(
        found(&snapshot),
        BTreeSet::from([FindingId::VmsaveContradicted])
    );
}

#[test]
fn a_segment_without_a_descriptor_to_compare_is_judged_weakly() {
    let rule = FindingId::VmsaveContradicted;
    let mut snapshot = healthy();
    capture(&mut snapshot, 2).vmsave.fs.selector = 0x57;
    witness(&mut snapshot, 2).fs_selector = 0x57;
    witness(&mut snapshot, 2).fs_descriptor = 0;
    assert_eq!(found(&snapshot), BTreeSet::new());
    assert_eq!(
        extent(&snapshot, rule, 2),
        Extent::Weakly(Reason::PartlyCompared)
    );
    assert_eq!(extent(&snapshot, rule, 1), Extent::Judged);
    // A null selector has no hidden part, and 64-bit code uses its base all the same.
    for selector in [0, 3] {
        capture(&mut snapshot, 2).vmsave.fs.selector = selector;
        capture(&mut snapshot, 2).vmsave.fs.base = 0x7F00_0000_1000;
        witness(&mut snapshot, 2).fs_selector = selector;
        witness(&mut snapshot, 2).fs_base = 0x7F00_0000_1000;
        assert_eq!(found(&snapshot), BTreeSet::new());
        assert_eq!(extent(&snapshot, rule, 2), Extent::Judged);
    }
}

#[test]
fn a_task_state_segment_is_selected_from_the_global_table() {
    for selector in [0, 3, 4, 0x44] {
        let mut snapshot = healthy();
        capture(&mut snapshot, 2).vmsave.tr.selector = selector;
        agree(&mut snapshot);
        assert_eq!(
            found(&snapshot),
            BTreeSet::from([FindingId::TssInvalid]),
            "{selector:#x}"
        );
    }
}

#[test]
fn a_kernel_that_overlaps_other_modules_does_not_cover_what_is_in_them() {
    let mut snapshot = healthy();
    snapshot.modules[0].size = u32::MAX;
    assert_eq!(found(&snapshot), BTreeSet::new());
    for rule in [FindingId::LstarOutsideKernel, FindingId::EntryInHeaders] {
        assert_eq!(
            extent(&snapshot, rule, 0),
            Extent::Weakly(Reason::KernelInDoubt)
        );
    }
    every(&mut snapshot, |one| {
        one.vmsave.system_call.lstar = 0xFFFF_F803_2000_1234;
    });
    agree(&mut snapshot);
    assert_eq!(
        found(&snapshot),
        BTreeSet::from([FindingId::LstarOutsideKernel])
    );
    let finding = finding(&snapshot, FindingId::LstarOutsideKernel);
    assert_eq!(finding.values[0].place.as_deref(), Some("hook.sys+0x1234"));
}

#[test]
fn an_entry_point_in_the_lower_half_is_an_alarm_whatever_the_modules_say() {
    let mut snapshot = healthy();
    snapshot.modules[0].base = 0x7FF6_0000_0000;
    every(&mut snapshot, |one| {
        let registers = &mut one.vmsave.system_call;
        registers.lstar = 0x7FF6_0001_2345;
        registers.cstar = 0x7FF6_0001_2346;
        registers.sysenter_eip = 0x7FF6_0001_2347;
    });
    agree(&mut snapshot);
    assert_eq!(
        found(&snapshot),
        BTreeSet::from([
            FindingId::LstarOutsideKernel,
            FindingId::CstarOutsideKernel,
            FindingId::SysenterOutsideKernel,
        ])
    );
}

#[test]
fn a_larger_module_of_the_kernels_name_is_not_the_kernel() {
    let mut snapshot = healthy();
    let larger = module("ntoskrnl.exe", 0xFFFF_F803_9000_0000, 0x200_0000);
    snapshot.modules.push(larger);
    every(&mut snapshot, |one| {
        one.vmsave.system_call.lstar = 0xFFFF_F803_9000_1040;
    });
    agree(&mut snapshot);
    assert_eq!(
        found(&snapshot),
        BTreeSet::from([FindingId::KernelNameTwice, FindingId::LstarOutsideKernel])
    );
    for rule in [FindingId::LstarOutsideKernel, FindingId::CstarOutsideKernel] {
        assert_eq!(
            extent(&snapshot, rule, 0),
            Extent::Weakly(Reason::KernelInDoubt)
        );
    }
}

#[test]
fn a_majority_whose_value_is_wrong_by_itself_does_not_blame_the_others() {
    type OfCapture = fn(&mut Capture);
    let changes: [(FindingId, OfCapture); 4] = [
        (FindingId::LstarDiffers, |one| {
            one.vmsave.system_call.lstar = 0xFFFF_F803_2000_1230;
        }),
        (FindingId::SfmaskDiffers, |one| {
            one.vmsave.system_call.sfmask = 0;
        }),
        (FindingId::TrLimitDiffers, |one| {
            one.vmsave.tr.limit = 0x2067;
        }),
        (FindingId::EferDiffers, |one| {
            let details = one.details.as_mut().unwrap();
            details.efer_found.set_no_execute(false);
            details.efer_left = details.efer_found;
        }),
    ];
    for (id, change) in changes {
        let mut snapshot = healthy();
        for index in [0, 1, 2] {
            change(capture(&mut snapshot, index));
        }
        agree(&mut snapshot);
        let finding = finding(&snapshot, id);
        assert_eq!(indices(&finding), [0, 1, 2], "{id}");
        assert_eq!(finding.others.len(), 1, "{id}");
        assert!(
            finding.sentence.ends_with(
                " has 2 values and the majority's is wrong by itself: processors 0-2; processor 3"
            ),
            "{}",
            finding.sentence
        );
        let told = told(&snapshot);
        assert!(
            told.contains("\n  others have ") && !told.contains("most have"),
            "{told}"
        );
    }
    // A notice takes a majority nothing: SVM in use on three, and another EFER on the fourth.
    let mut snapshot = healthy();
    for index in 0..4 {
        let details = capture(&mut snapshot, index).details.as_mut().unwrap();
        details.efer_found = if index == 3 { 0x4D01 } else { 0x1D01 }.into();
        details.efer_left = details.efer_found;
    }
    assert_eq!(indices(&finding(&snapshot, FindingId::EferDiffers)), [3]);
}
