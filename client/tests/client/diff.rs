//! `diff`: what changed, processors lined up.

mod contradictions;
mod guests;
mod lacks;
mod places;

use amd_svm::support::Refusal;
use amd_svm::witness;
use client::{Capture, Comparison, Diff, Field, Lack, Snapshot};
use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fake::Driver;
use crate::files::Folder;
use crate::{output, run};

fn saved(folder: &Folder, name: &str, driver: &mut Driver) -> String {
    let path = folder.path(name);
    assert_eq!(output(&["save", &path], driver), "");
    path
}

#[test]
fn equal_snapshots_do_not_differ_whatever_the_clock_says() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(3);
    let before = saved(&folder, "a.json", &mut driver);
    driver.snapshot(1).tsc += 1000;
    let ran = run(&["diff", &before], &mut driver);
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "no difference\n"));
    let after = saved(&folder, "b.json", &mut driver);
    let ran = run(&["diff", &before, &after], &mut Driver::with_processors(1));
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "no difference\n"));
}

#[test]
fn equal_changes_are_told_once_and_others_by_themselves() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(8);
    let before = saved(&folder, "a.json", &mut driver);
    for index in [0, 1, 2, 5] {
        driver.snapshot(index).state.system_call.lstar += 0x40;
    }
    driver.snapshot(3).state.tr.limit = 0x2067;
    driver
        .snapshot(3)
        .state
        .fs
        .attributes
        .set_privilege_level(0);
    driver.refuse(6, Refusal::SvmeDoesNotStick);
    driver.statuses.pop();
    driver.snapshots.pop();
    let ran = run(&["diff", &before], &mut driver);
    assert_eq!((ran.exit, ran.stderr.as_str()), (6, ""));
    insta::assert_snapshot!(ran.stdout);
    let ran = run(&["diff", &before, "--json"], &mut driver);
    assert_eq!(ran.exit, 6);
    insta::assert_snapshot!("differences_in_json", ran.stdout);
    let ran = run(
        &["diff", &before, "--columns", "star,gs", "-p", "0-5"],
        &mut driver,
    );
    assert_eq!(
        (ran.exit, ran.stdout.as_str()),
        (
            6,
            "no difference there; 2 differences about other processors\n"
        )
    );
}

#[test]
fn a_choice_of_processors_narrows_what_is_shown_and_not_what_is_compared() {
    let example = |name| format!("{}/examples/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let [healthy, tampered] = ["healthy", "tampered"].map(example);
    let diff = |options: &[&str]| {
        let arguments = [&["diff", &healthy, &tampered], options].concat();
        run(&arguments, &mut Driver::with_processors(1))
    };
    let ran = diff(&["-p", "0"]);
    assert_eq!(
        (ran.exit, ran.stdout.as_str()),
        (
            6,
            "no difference there; 3 differences about other processors\n"
        )
    );
    let ran = diff(&["-p", "1,2"]);
    assert_eq!((ran.exit, ran.stdout.lines().count()), (6, 3));
    assert!(
        ran.stdout
            .ends_with("\n2 differences; 1 difference about other processors\n"),
        "{}",
        ran.stdout
    );
    let ran = diff(&["-p", "0", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (ran.exit, &document["differences_elsewhere"]),
        (6, &serde_json::json!(3))
    );
    let ran = diff(&["-p", "0-3"]);
    assert!(ran.stdout.ends_with("\n3 differences\n"), "{}", ran.stdout);
    assert_eq!(diff(&["-p", "0", "-q"]).stdout, "");
    let ran = diff(&["-p", "4"]);
    assert_eq!(
        (ran.exit, ran.stderr.lines().count()),
        (2, 1),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_one_side_hides_is_not_compared() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(2);
    let before = saved(&folder, "a.json", &mut driver);
    driver.flags = protocol::ReplyHeader::REDACTED;
    for index in 0..2 {
        driver.snapshot(index).redact();
    }
    let ran = run(&["diff", &before], &mut driver);
    assert_eq!(ran.exit, 7, "{}", ran.stdout);
    assert!(
        ran.stdout
            .starts_with("not compared, because hidden by the driver: gs.base on processors 0-1, ")
    );
}

#[test]
fn a_file_of_pages_lacks_what_its_origin_has_and_has_no_difference() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(2);
    let json = saved(&folder, "a.json", &mut driver);
    let pages = folder.path("a.vmcb");
    assert_eq!(output(&["save", "--raw", &pages], &mut driver), "");
    let ran = run(&["diff", &pages, &json], &mut driver);
    assert_eq!(
        (ran.exit, ran.stdout.as_str()),
        (
            7,
            "one snapshot has no module list: entry points are compared by number alone\n\
             not compared, because in one snapshot only: efer_found on processors 0-1, efer_left \
             on processors 0-1\n\
             not compared, because read without VMSAVE in one snapshot only: contradictions on \
             processors 0-1\nno difference in what was compared\n"
        )
    );
    let diff = Diff::between(
        &Snapshot::open(&pages).unwrap(),
        &Snapshot::open(&json).unwrap(),
    );
    assert!(
        diff.not_compared
            .iter()
            .all(|one| one.lack == Lack::OneSided || one.field.is_none())
    );
}

#[test]
fn passing_values_are_compared_on_request_and_when_they_are_named() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(2);
    let before = saved(&folder, "a.json", &mut driver);
    let record = driver.snapshot(1);
    record.state.system_call.kernel_gs_base += 0x1000;
    record.witness.system_call.kernel_gs_base += 0x1000;
    driver.snapshot(1).tsc += 5;
    let lines = |arguments: &[&str], driver: &mut Driver| -> usize {
        let all = [["diff", &before].as_slice(), arguments].concat();
        run(&all, driver).stdout.matches("->").count()
    };
    assert_eq!(lines(&[], &mut driver), 0);
    assert_eq!(lines(&["--all"], &mut driver), 2);
    assert_eq!(lines(&["--columns", "kernel_gs_base"], &mut driver), 1);
    assert_eq!(lines(&["--columns", "tsc,lstar"], &mut driver), 1);
}

/// The same machine a moment later: other threads run, and the processors store what they have in
/// other forms.
fn later(snapshot: &Snapshot, moment: u64, forms: &[bool]) -> Snapshot {
    let mut later = snapshot.clone();
    for (processor, form) in later.processors.iter_mut().zip(forms) {
        let capture = processor.result.as_mut().unwrap();
        capture.details.as_mut().unwrap().tsc += moment;
        capture.vmsave.fs.base ^= moment & 0xFFFF_F000;
        capture.vmsave.system_call.kernel_gs_base ^= moment & 0xFFFF_F000;
        if *form {
            let state = &mut capture.vmsave;
            state.tr.attributes = 0x089.into();
            state.ldtr.attributes = 0x082.into();
            state.ldtr.limit = 0xFFFF;
            state.gs.attributes = 0x4F2.into();
            assert_eq!(
                witness::canonical(state).tr.attributes,
                witness::canonical(&snapshot.processors[0].result.as_ref().unwrap().vmsave)
                    .tr
                    .attributes
            );
        }
    }
    later
}

/// The same machine started again: its kernel, and what each processor has, are elsewhere.
fn restarted(snapshot: &Snapshot, slide: u64) -> Snapshot {
    let mut restarted = snapshot.clone();
    for module in &mut restarted.modules {
        module.base += slide;
    }
    for processor in &mut restarted.processors {
        let state = &mut processor.result.as_mut().unwrap().vmsave;
        state.system_call.lstar += slide;
        state.system_call.cstar += slide;
        state.gs.base += slide;
        state.tr.base += slide;
    }
    restarted
}

type Tamper = fn(&mut Capture);

/// Changes that say something wherever the kernel is, each of the field that it changes.
const TAMPERED: [(Field, Tamper); 9] = [
    (Field::Lstar, |one| one.vmsave.system_call.lstar += 0x40),
    (Field::Cstar, |one| one.vmsave.system_call.cstar ^= 0x40),
    (Field::Star, |one| one.vmsave.system_call.star ^= 1 << 48),
    (Field::Sfmask, |one| one.vmsave.system_call.sfmask ^= 1 << 9),
    (Field::GsBase, |one| one.vmsave.gs.base ^= 0x10),
    (Field::TrLimit, |one| one.vmsave.tr.limit += 0x2000),
    (Field::TrBase, |one| one.vmsave.tr.base ^= 0x8),
    (Field::FsSelector, |one| one.vmsave.fs.selector ^= 8),
    (Field::SysenterEip, |one| {
        one.vmsave.system_call.sysenter_eip = 0xFFFF_F803_2000_0000;
    }),
];

proptest! {
    #[test]
    fn a_state_does_not_differ_from_itself_and_what_was_tampered_with_does(
        processors in 1_u32..6,
        moment: u64,
        forms in proptest::array::uniform6(any::<bool>()),
        slide in select(vec![0, 0x20_0000, 0x1_2340_0000]),
        tampered in btree_map(0..TAMPERED.len(), 0_usize..6, 0..4),
    ) {
        let mut before = Snapshot::take(&mut &mut Driver::with_processors(processors)).unwrap();
        // What contradicts VMSAVE is another difference.
        for processor in &mut before.processors {
            processor.result.as_mut().unwrap().witness = None;
        }
        let moment = moment >> 8;
        let mut after = restarted(&later(&before, moment, &forms), slide);
        prop_assert!(Diff::between(&before, &after).is_empty());
        prop_assert!(Diff::between(&before, &after).is_complete());
        let mut expected = Vec::new();
        for (which, index) in tampered {
            let index = index % after.processors.len();
            let (field, tamper) = TAMPERED[which];
            tamper(after.processors[index].result.as_mut().unwrap());
            expected.push((field, index));
        }
        expected.sort_unstable();
        let found: Vec<_> = Diff::between(&before, &after)
            .changes
            .iter()
            .flat_map(|change| {
                let field = change.field;
                change.processors.iter().map(move |id| (field, id.index as usize))
            })
            .collect();
        prop_assert_eq!(found, expected);
        let all = Comparison { all: true, raw: true, ..Comparison::default() };
        prop_assert_eq!(Diff::compare(&before, &before, &all).count(), 0);
    }
}
