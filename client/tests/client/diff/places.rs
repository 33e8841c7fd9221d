//! Entry points are compared by their place, and what has none is not taken for the same.

use client::{Comparison, Diff, Field, KernelModule, Lack, ProcessorId, Snapshot};

use crate::fake::Driver;
use crate::files::Folder;
use crate::run;

const MOVED_BY: u64 = 0x1_0000_0000;
const FAKE: u64 = 0xFFFF_F805_9000_0000;

fn snapshot() -> Snapshot {
    Snapshot::take(&mut &mut Driver::with_processors(3)).unwrap()
}

/// Adds a module of the name of another that is there, with all entry points of that one in it.
fn with_double(mut snapshot: Snapshot, of: usize, size: u32) -> Snapshot {
    let real = snapshot.modules[of].clone();
    for processor in &mut snapshot.processors {
        let registers = &mut processor.result.as_mut().unwrap().vmsave.system_call;
        for address in [&mut registers.lstar, &mut registers.cstar] {
            if real.contains(*address) {
                *address = *address - real.base + FAKE;
            }
        }
    }
    let double = KernelModule {
        base: FAKE,
        size,
        ..real
    };
    snapshot.modules.insert(0, double);
    snapshot
}

fn restarted(mut snapshot: Snapshot) -> Snapshot {
    for module in &mut snapshot.modules {
        module.base += MOVED_BY;
    }
    for processor in &mut snapshot.processors {
        let registers = &mut processor.result.as_mut().unwrap().vmsave.system_call;
        registers.lstar += MOVED_BY;
        registers.cstar += MOVED_BY;
    }
    snapshot
}

/// The snapshot with LSTAR in another module than the kernel.
fn hooked() -> Snapshot {
    let mut snapshot = snapshot();
    let hook = snapshot.modules[1].base + 0x40;
    for processor in &mut snapshot.processors {
        processor.result.as_mut().unwrap().vmsave.system_call.lstar = hook;
    }
    snapshot
}

fn changed(before: &Snapshot, after: &Snapshot) -> Vec<Field> {
    let there = Diff::between(before, after);
    let back = Diff::between(after, before);
    assert_eq!(there.count(), back.count());
    there.changes.iter().map(|change| change.field).collect()
}

#[test]
fn a_double_of_the_kernel_is_not_the_kernel() {
    let before = snapshot();
    let size = before.modules[0].size;
    for double in [size - 0x1000, size] {
        for after in [before.clone(), restarted(before.clone())] {
            let after = with_double(after, 0, double);
            assert_eq!(changed(&before, &after), [Field::Lstar, Field::Cstar]);
            assert_eq!(changed(&after, &after), []);
        }
    }
    // The larger one is taken for the kernel, which is another one then.
    let after = with_double(before.clone(), 0, size + 0x1000);
    assert!(Diff::between(&before, &after).kernel.is_some());
    // What is in the kernel as before is not changed by a double.
    let mut after = with_double(snapshot(), 0, size - 0x1000);
    after.processors = snapshot().processors;
    assert_eq!(changed(&before, &after), []);
}

#[test]
fn of_kernels_of_two_builds_nothing_but_agreement_is_compared() {
    let mut before = snapshot();
    for processor in &mut before.processors {
        processor.result.as_mut().unwrap().witness = None;
    }
    let updated = |offsets: [u64; 3]| {
        let mut after = restarted(before.clone());
        after.modules[0].size += 0x3000;
        for (processor, offset) in after.processors.iter_mut().zip(offsets) {
            let capture = processor.result.as_mut().unwrap();
            capture.vmsave.system_call.lstar += offset;
        }
        after
    };
    let compared = |offsets| {
        let after = updated(offsets);
        let diff = Diff::between(&before, &after);
        assert!(diff.kernel.is_some());
        assert_eq!(diff.count(), Diff::between(&after, &before).count());
        let places = |ids: &[ProcessorId]| ids.iter().map(|id| id.index).collect::<Vec<_>>();
        let changes = diff.changes.iter();
        let changes = changes.map(|one| (one.field, places(&one.processors)));
        let lacks = diff.not_compared.iter();
        let lacks = lacks.filter(|one| one.lack == Lack::OtherBuild);
        let lacks = lacks.map(|one| (one.field.unwrap(), places(&one.processors)));
        (changes.collect::<Vec<_>>(), lacks.collect::<Vec<_>>())
    };
    let all = vec![0, 1, 2];
    for offset in [0, 0x40] {
        assert_eq!(
            compared([offset; 3]),
            (
                vec![],
                vec![(Field::Lstar, all.clone()), (Field::Cstar, all.clone())]
            )
        );
    }
    assert_eq!(
        compared([0x40, 0x80, 0x40]),
        (
            vec![(Field::Lstar, vec![1])],
            vec![(Field::Lstar, vec![0, 2]), (Field::Cstar, all.clone())]
        )
    );
    // Without a majority nothing tells which of them it is.
    assert_eq!(
        compared([0, 0x40, 0x80]),
        (
            [0, 1, 2].map(|at| (Field::Lstar, vec![at])).to_vec(),
            vec![(Field::Cstar, all)]
        )
    );
    // Outside the kernel it is no matter of builds.
    let mut after = updated([0; 3]);
    let hook = after.modules[1].base;
    after.processors[0]
        .result
        .as_mut()
        .unwrap()
        .vmsave
        .system_call
        .lstar = hook;
    assert_eq!(changed(&before, &after), [Field::Lstar]);
}

#[test]
fn a_double_of_a_driver_is_not_the_driver() {
    let before = hooked();
    assert_eq!(changed(&before, &restarted(before.clone())), []);
    let after = with_double(before.clone(), 1, before.modules[1].size);
    assert_eq!(changed(&before, &after), [Field::Lstar]);
}

#[test]
fn images_that_overlap_or_belong_to_programs_are_no_places() {
    let before = snapshot();
    let mut over = restarted(before.clone());
    let kernel = over.modules[0].clone();
    over.modules.push(KernelModule {
        name: "over.sys".to_owned(),
        ..kernel
    });
    assert_eq!(changed(&before, &over), [Field::Lstar, Field::Cstar]);
    // A program's half, at two addresses.
    let lower = |by: u64| {
        let mut snapshot = before.clone();
        snapshot.modules[0].base -= 0xFFFF_8000_0000_0000 + by;
        for processor in &mut snapshot.processors {
            let registers = &mut processor.result.as_mut().unwrap().vmsave.system_call;
            registers.lstar -= 0xFFFF_8000_0000_0000 + by;
            registers.cstar -= 0xFFFF_8000_0000_0000 + by;
        }
        snapshot
    };
    assert_eq!(
        changed(&lower(0), &lower(0x1000_0000)),
        [Field::Lstar, Field::Cstar]
    );
    assert_eq!(changed(&lower(0), &lower(0)), []);
}

#[test]
fn a_number_that_stays_while_the_kernel_moves_is_another_place() {
    let before = snapshot();
    for by in [0x1000, 0x20_0000, MOVED_BY] {
        let mut after = before.clone();
        after.modules[0].base += by;
        assert_eq!(changed(&before, &after), [Field::Lstar, Field::Cstar]);
    }
    // As bare numbers they are the same.
    let mut after = before.clone();
    after.modules[0].base += MOVED_BY;
    let raw = Comparison {
        raw: true,
        ..Comparison::default()
    };
    assert_eq!(Diff::compare(&before, &after, &raw).count(), 0);
    // A module that was loaded elsewhere changes nothing.
    let mut after = before.clone();
    after.modules[1].base += MOVED_BY;
    assert_eq!(changed(&before, &after), []);
}

#[test]
fn made_up_addresses_are_not_compared_and_places_are() {
    let before = snapshot();
    let mut after = before.clone();
    after.make_anonymous();
    let diff = Diff::between(&before, &after);
    assert_eq!((diff.count(), diff.is_complete()), (0, false));
    let lacks = |diff: &Diff| -> Vec<Field> {
        let lacks = diff.not_compared.iter();
        assert!(lacks.clone().all(|one| one.lack == Lack::Anonymous));
        lacks.filter_map(|one| one.field).collect()
    };
    assert_eq!(lacks(&diff), [Field::GsBase, Field::TrBase]);
    // Equal numbers of two anonymous snapshots are not the same address, either.
    assert_eq!(lacks(&Diff::between(&after, &after)), lacks(&diff));

    // Outside all modules on both sides: nothing can be said. On one side: it is a change.
    let mut outside = before.clone();
    outside.processors[1]
        .result
        .as_mut()
        .unwrap()
        .vmsave
        .system_call
        .lstar = FAKE + 0x40;
    let mut hidden = outside.clone();
    hidden.make_anonymous();
    let diff = Diff::between(&outside, &hidden);
    assert_eq!(diff.count(), 0);
    assert!(lacks(&diff).contains(&Field::Lstar));
    assert_eq!(changed(&before, &hidden), [Field::Lstar]);
    // So is another place, and another offset in the page.
    let mut other = before.clone();
    let state = &mut other.processors[2].result.as_mut().unwrap().vmsave;
    state.system_call.lstar += 0x40;
    state.tr.base += 8;
    other.make_anonymous();
    assert_eq!(changed(&before, &other), [Field::TrBase, Field::Lstar]);
}

#[test]
fn an_anonymous_copy_has_its_exit_code_and_its_line() {
    let folder = Folder::new();
    let copy = folder.path("a.json");
    let tie = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/tie-2-2.json");
    let mut driver = Driver::with_processors(1);
    let saved = run(&["save", "--anonymous", "--from", tie, &copy], &mut driver);
    assert_eq!(saved.exit, 0, "{}", saved.stderr);
    let ran = run(&["diff", tie, &copy], &mut driver);
    assert_eq!(ran.exit, 7, "{}", ran.stdout);
    let told = "not compared, because made up in an anonymous snapshot: gs.base on processors 0-3, \
                tr.base on processors 0-3, lstar on processors 0-1\n";
    assert!(ran.stdout.starts_with(told), "{}", ran.stdout);
}
