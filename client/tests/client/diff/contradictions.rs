//! That VMSAVE and what was read without it began, or ceased, to contradict each other is a difference.

use client::{Capture, Comparison, Diff, Field, Lack, Snapshot};
use serde_json::{Value, json};

use crate::fake::Driver;
use crate::files::Folder;
use crate::run;

fn snapshot() -> Snapshot {
    Snapshot::take(&mut &mut Driver::with_processors(4)).unwrap()
}

fn capture(snapshot: &mut Snapshot, index: usize) -> &mut Capture {
    snapshot.processors[index].result.as_mut().unwrap()
}

/// The snapshot with registers that RDMSR tells otherwise on processors 1 and 2.
fn contradicted() -> Snapshot {
    let mut snapshot = snapshot();
    for index in [1, 2] {
        let witness = capture(&mut snapshot, index).witness.as_mut().unwrap();
        let registers = &mut witness.as_mut().unwrap().system_call;
        registers.lstar += 0x40;
        registers.star ^= 1;
    }
    snapshot
}

fn without_witness(mut snapshot: Snapshot) -> Snapshot {
    for index in 0..snapshot.processors.len() {
        capture(&mut snapshot, index).witness = None;
    }
    snapshot
}

/// What differs: the fields on either side.
fn told(before: &Snapshot, after: &Snapshot, fields: &[Field]) -> Vec<(String, String, usize)> {
    let comparison = Comparison {
        fields: fields.to_vec(),
        ..Comparison::default()
    };
    let diff = Diff::compare(before, after, &comparison);
    assert_eq!(diff.count(), diff.contradictions.len());
    assert_eq!(diff.is_empty(), diff.contradictions.is_empty());
    let all = diff.contradictions.into_iter();
    all.map(|one| (one.before, one.after, one.processors.len()))
        .collect()
}

#[test]
fn what_began_and_what_ceased_is_told_once_for_equal_processors() {
    let change = |before: &str, after: &str| vec![(before.to_owned(), after.to_owned(), 2)];
    let (well, bad) = (snapshot(), contradicted());
    assert_eq!(told(&well, &bad, &[]), change("none", "star,lstar"));
    assert_eq!(told(&bad, &well, &[]), change("star,lstar", "none"));
    assert_eq!(told(&bad, &bad, &[]), []);
    // Of the fields that were asked for alone.
    assert_eq!(told(&well, &bad, &[Field::Star]), change("none", "star"));
    assert_eq!(told(&well, &bad, &[Field::Cstar, Field::Tsc]), []);
    // Another value that contradicts is the same contradiction.
    let mut other = contradicted();
    let witness = capture(&mut other, 1).witness.as_mut().unwrap();
    witness.as_mut().unwrap().system_call.lstar += 0x40;
    assert_eq!(told(&bad, &other, &[]), []);
}

#[test]
fn a_list_in_a_file_tells_as_much_as_the_values() {
    let folder = Folder::new();
    let mut paths = Vec::new();
    for (name, lies) in [("a.json", false), ("b.json", true)] {
        let mut driver = Driver::with_processors(2);
        if lies {
            driver.snapshot(1).witness.system_call.lstar += 0x40;
        }
        let brief = run(&["show", "--json"], &mut driver).stdout;
        let path = folder.path(name);
        std::fs::write(&path, brief).unwrap();
        paths.push(path);
        let path = folder.path(&format!("full-{name}"));
        assert_eq!(run(&["save", &path], &mut driver).exit, 0);
        paths.push(path);
    }
    let [brief, full, brief_lie, lie] = paths.as_slice() else {
        panic!("{paths:?}");
    };
    for before in [brief, full] {
        for after in [brief_lie, lie] {
            let ran = run(&["diff", before, after], &mut Driver::with_processors(1));
            let told = "contradictions of VMSAVE on processor 1: none -> lstar\n";
            assert!(ran.stdout.starts_with(told), "{}", ran.stdout);
            assert!(ran.stdout.ends_with("\n1 difference\n"), "{}", ran.stdout);
            assert_eq!(ran.exit, 6);
        }
    }
    for [one, other] in [[brief, full], [brief_lie, lie]] {
        let ran = run(&["diff", one, other], &mut Driver::with_processors(1));
        assert!(ran.stdout.ends_with("no difference\n"), "{}", ran.stdout);
        assert_eq!(ran.exit, 0);
    }
    let ran = run(
        &["diff", "--json", brief, lie],
        &mut Driver::with_processors(1),
    );
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        document["contradictions"],
        json!([{"processors": [1], "before": "none", "after": "lstar"}])
    );
    assert_eq!(document["not_compared"], json!([]));
    let ran = run(
        &["diff", brief, lie, "-p", "0"],
        &mut Driver::with_processors(1),
    );
    let told = "\nno difference there; 1 difference about other processors\n";
    assert!(ran.stdout.ends_with(told), "{}", ran.stdout);
    assert_eq!(ran.exit, 6);
}

#[test]
fn where_one_side_alone_could_tell_that_is_said_once() {
    let lacks = |before: &Snapshot, after: &Snapshot, fields: &[Field]| -> Vec<(Lack, usize)> {
        let comparison = Comparison {
            fields: fields.to_vec(),
            ..Comparison::default()
        };
        let diff = Diff::compare(before, after, &comparison);
        assert!(diff.is_empty());
        assert!(diff.not_compared.iter().all(|one| one.field.is_none()));
        let all = diff.not_compared.iter();
        all.map(|one| (one.lack, one.processors.len())).collect()
    };
    let (bad, mute) = (contradicted(), without_witness(snapshot()));
    assert_eq!(lacks(&bad, &mute, &[]), [(Lack::OneWitness, 4)]);
    assert_eq!(lacks(&mute, &bad, &[Field::Star]), [(Lack::OneWitness, 4)]);
    // Old files that neither has it are compared as they always were.
    assert_eq!(lacks(&mute, &mute, &[]), []);
    assert_eq!(lacks(&mute, &bad, &[Field::Tsc]), []);
}

#[test]
fn what_is_hidden_has_neither_begun_nor_ceased() {
    let before = contradicted();
    let mut after = before.clone();
    after.redacted = vec![Field::Lstar];
    for index in 0..4 {
        let capture = capture(&mut after, index);
        capture.vmsave.system_call.lstar = 0;
        let witness = capture.witness.as_mut().unwrap();
        witness.as_mut().unwrap().system_call.lstar = 0;
    }
    let diff = Diff::between(&before, &after);
    assert_eq!((diff.count(), diff.not_compared.len()), (0, 1));
    assert_eq!(diff.not_compared[0].lack, Lack::Hidden);
}
