//! Each rule of `check`: a machine that breaks it, one that just does not, and one on which it
//! cannot be judged.

use std::collections::BTreeSet;

use amd_svm::{
    Fault,
    descriptor::Descriptor,
    msr::Msr,
    support::{Refusal, Step},
};
use client::{Capture, Extent, Field, FindingId, Guest, Judge, Snapshot, Unavailable, check};

use crate::fake::{Driver, module};

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

const RULES: &[Rule] = &[
    Rule {
        id: FindingId::LstarDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.lstar += 0x40,
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.lstar += 0x40),
        blinds: Some(|s| {
            hide(s, Field::Lstar);
            every(s, |one| one.vmsave.system_call.lstar = 0);
        }),
    },
    Rule {
        id: FindingId::CstarDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.cstar += 0x40,
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.cstar += 0x40),
        blinds: Some(|s| {
            hide(s, Field::Cstar);
            every(s, |one| one.vmsave.system_call.cstar = 0);
        }),
    },
    Rule {
        id: FindingId::StarDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.star |= 1,
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.star |= 1),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::SfmaskDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.sfmask |= 1 << 18,
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.sfmask |= 1 << 18),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::LstarOutsideKernel,
        breaks: |s| {
            every(s, |one| {
                one.vmsave.system_call.lstar = 0xFFFF_F803_1B04_7000;
            });
        },
        also: &[],
        keeps: |s| {
            every(s, |one| {
                one.vmsave.system_call.lstar = 0xFFFF_F803_1B04_6FFF;
            });
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::CstarOutsideKernel,
        breaks: |s| {
            every(s, |one| {
                one.vmsave.system_call.cstar = 0xFFFF_F803_19FF_FFFF;
            });
        },
        also: &[],
        keeps: |s| {
            every(s, |one| {
                one.vmsave.system_call.cstar = 0xFFFF_F803_1A00_1000;
            });
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::SysenterOutsideKernel,
        breaks: |s| {
            every(s, |one| {
                one.vmsave.system_call.sysenter_eip = 0xFFFF_F803_2000_0000;
            });
        },
        also: &[],
        keeps: |s| {
            every(s, |one| {
                one.vmsave.system_call.sysenter_eip = 0xFFFF_F803_1A42_0000;
            });
        },
        blinds: Some(|s| s.modules.remove(0).size = 0),
    },
    Rule {
        id: FindingId::EntryInHeaders,
        breaks: |s| {
            every(s, |one| {
                one.vmsave.system_call.lstar = 0xFFFF_F803_1A00_0FFF;
            });
        },
        also: &[],
        keeps: |s| {
            every(s, |one| {
                one.vmsave.system_call.lstar = 0xFFFF_F803_1A00_1000;
            });
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::SysenterIncomplete,
        breaks: |s| capture(s, 1).vmsave.system_call.sysenter_cs = 0x10,
        also: &[],
        keeps: |s| capture(s, 1).vmsave.system_call.sysenter_cs = 0x3,
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::StarInvalid,
        breaks: |s| every(s, |one| one.vmsave.system_call.star ^= 3 << 48),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.star |= 0xFFFF_FFFF),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::AddressNoncanonical,
        breaks: |s| capture(s, 1).vmsave.system_call.kernel_gs_base = 1 << 56,
        also: &[],
        keeps: |s| capture(s, 1).vmsave.system_call.kernel_gs_base = (1 << 56) - 1,
        blinds: Some(|s| {
            hide(s, Field::KernelGsBase);
            capture(s, 1).vmsave.system_call.kernel_gs_base = 0;
        }),
    },
    Rule {
        id: FindingId::VmsaveContradicted,
        breaks: |s| {
            let Some(Ok(witness)) = &mut capture(s, 1).witness else {
                panic!("no witness");
            };
            witness.system_call.kernel_gs_base += 8;
        },
        also: &[],
        keeps: |s| capture(s, 1).vmsave.tr.attributes.set_segment_type(9),
        blinds: Some(|s| capture(s, 1).witness = None),
    },
    Rule {
        id: FindingId::TrBaseShared,
        breaks: |s| {
            let base = capture(s, 0).vmsave.tr.base;
            capture(s, 2).vmsave.tr.base = base;
        },
        also: &[],
        keeps: |s| {
            let base = capture(s, 0).vmsave.tr.base;
            capture(s, 2).vmsave.tr.base = base + 1;
        },
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::GsBaseShared,
        breaks: |s| {
            let base = capture(s, 0).vmsave.gs.base;
            capture(s, 2).vmsave.gs.base = base;
        },
        also: &[],
        keeps: |s| {
            let base = capture(s, 0).vmsave.gs.base;
            capture(s, 2).vmsave.gs.base = base + 1;
        },
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::GsBaseOutsideKernel,
        breaks: |s| capture(s, 2).vmsave.gs.base = 0x7FF6_0000_0000,
        also: &[],
        keeps: |s| capture(s, 2).vmsave.gs.base = 0xFFFF_8000_0000_0000,
        blinds: Some(|s| {
            hide(s, Field::GsBase);
            capture(s, 2).vmsave.gs.base = 0;
        }),
    },
    Rule {
        id: FindingId::TssInvalid,
        breaks: |s| every(s, |one| one.vmsave.tr.limit = 0x66),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.tr.attributes.set_segment_type(9)),
        blinds: Some(|s| {
            hide(s, Field::TrBase);
            capture(s, 2).vmsave.tr.base = 0;
        }),
    },
    Rule {
        id: FindingId::TrLimitDiffers,
        breaks: |s| capture(s, 2).vmsave.tr.limit = 0x68,
        also: &[FindingId::TrLimitWide],
        keeps: nothing,
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::TrLimitWide,
        breaks: |s| every(s, |one| one.vmsave.tr.limit = 0x68),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.tr.limit = 0x67),
        blinds: Some(paged),
    },
    Rule {
        id: FindingId::SfmaskWeak,
        breaks: |s| every(s, |one| one.vmsave.system_call.sfmask = 0x4600),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.sfmask = 0x700),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::SegmentInvalid,
        breaks: |s| capture(s, 2).vmsave.fs.attributes.set_segment_type(8),
        also: &[],
        keeps: |s| capture(s, 2).vmsave.fs.attributes.set_segment_type(10),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::AttributesReserved,
        breaks: |s| capture(s, 2).vmsave.ldtr.attributes.set_reserved(1),
        also: &[],
        keeps: |s| capture(s, 2).vmsave.ldtr.attributes = 0xFFF.into(),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::LdtrLoaded,
        breaks: |s| capture(s, 2).vmsave.ldtr.selector = 0x48,
        also: &[],
        keeps: |s| capture(s, 2).vmsave.ldtr.selector = 3,
        blinds: Some(paged),
    },
    Rule {
        id: FindingId::EferNotRestored,
        breaks: |s| {
            let details = capture(s, 2).details.as_mut().unwrap();
            details.efer_left.set_svme(true);
        },
        also: &[],
        keeps: nothing,
        blinds: Some(|s| capture(s, 2).details = None),
    },
    Rule {
        id: FindingId::EferDiffers,
        breaks: |s| {
            let details = capture(s, 2).details.as_mut().unwrap();
            details.efer_found = 0x4D01.into();
            details.efer_left = details.efer_found;
        },
        also: &[],
        keeps: nothing,
        blinds: Some(|s| capture(s, 2).details = None),
    },
    Rule {
        id: FindingId::EferUnprotected,
        breaks: |s| {
            every(s, |one| {
                let details = one.details.as_mut().unwrap();
                details.efer_found.set_no_execute(false);
                details.efer_left = details.efer_found;
            });
        },
        also: &[],
        keeps: nothing,
        blinds: Some(paged),
    },
    Rule {
        id: FindingId::SvmInUse,
        breaks: |s| {
            let details = capture(s, 2).details.as_mut().unwrap();
            details.efer_found.set_svme(true);
            details.efer_left = details.efer_found;
        },
        also: &[],
        keeps: nothing,
        blinds: Some(paged),
    },
    Rule {
        id: FindingId::NotCaptured,
        breaks: refused,
        also: &[],
        keeps: nothing,
        blinds: None,
    },
    Rule {
        id: FindingId::WitnessUnread,
        breaks: |s| {
            capture(s, 2).witness = Some(Err(Unavailable::Refused(Refusal::Fault {
                step: Step::Read(Msr::Lstar),
                fault: Fault::GeneralProtection,
            })));
        },
        also: &[],
        keeps: nothing,
        blinds: Some(|s| capture(s, 2).witness = None),
    },
    Rule {
        id: FindingId::KernelNameTwice,
        breaks: |s| {
            s.modules
                .push(module("NTOSKRNL.EXE", 0xFFFF_F803_3000_0000, 0x1000));
        },
        also: &[],
        keeps: |s| {
            s.modules
                .push(module("ntoskrnl.sys", 0xFFFF_F803_3000_0000, 0x1000));
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::ModuleNameDeceptive,
        breaks: |s| {
            s.modules
                .push(module("ntoskrn1.exe", 0xFFFF_F803_3000_0000, 0x1000));
        },
        also: &[],
        keeps: |s| {
            s.modules
                .push(module("ntoskrnl2.exe", 0xFFFF_F803_3000_0000, 0x1000));
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::GuestEncrypted,
        breaks: |s| {
            paged(s);
            capture(s, 2).guest = Some(Guest {
                encrypted: true,
                ..Guest::default()
            });
        },
        also: &[],
        keeps: paged,
        blinds: None,
    },
];

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
