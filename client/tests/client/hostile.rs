//! Damaged, truncated and hostile files: one clear error and exit code 1, never a panic.

use client::{FileError, Snapshot};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fake::Driver;
use crate::files::Folder;
use crate::run;

fn healthy() -> String {
    let mut driver = Driver::with_processors(2);
    Snapshot::take(&mut &mut driver).unwrap().to_json().unwrap()
}

/// What every command says about a file.
fn complaint(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let path = folder.path("x");
    std::fs::write(&path, bytes).unwrap();
    let mut complaints = Vec::new();
    for arguments in [
        ["check", "--from", &path].as_slice(),
        &["decode", &path],
        &["diff", &path, &path],
        &["watch", "--from", &path],
        &["report", &folder.path("page"), "--from", &path],
    ] {
        let ran = run(arguments, &mut Driver::with_processors(1));
        assert_eq!((ran.exit, ran.stdout.as_str()), (8, ""), "{arguments:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        complaints.push(ran.stderr.replace(&path, "FILE"));
    }
    complaints.dedup();
    let [complaint] = complaints.as_slice() else {
        panic!("{complaints:?}");
    };
    complaint.clone()
}

/// The healthy file with one place of it changed.
fn changed(pointer: &str, value: Value) -> Vec<u8> {
    let mut document: Value = serde_json::from_str(&healthy()).unwrap();
    *document.pointer_mut(pointer).unwrap() = value;
    document.to_string().into_bytes()
}

/// The healthy file with one more member.
fn with(member: &str, value: Value) -> Vec<u8> {
    let mut document: Value = serde_json::from_str(&healthy()).unwrap();
    document[member] = value;
    document.to_string().into_bytes()
}

#[test]
fn each_kind_of_damage_has_its_sentence() {
    let healthy = healthy();
    let cases = [
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"\x1b[2J".to_vec(),
        b"\xFF\xFE".to_vec(),
        vec![0; 4095],
        healthy.as_bytes()[..healthy.len() / 2].to_vec(),
        [healthy.as_bytes(), b"x"].concat(),
        changed("/schema", json!(3)),
        changed("/processors", json!([])),
        changed("/processors/1/index", json!(0)),
        changed("/processors/1/index", json!(-1)),
        changed("/processors/0/vmsave", Value::Null),
        changed("/processors/0/vmsave/lstar", json!("0x1ffff0000ffff0000")),
        changed("/processors/0/vmsave/tr/limit", json!("0x100000000")),
        changed("/processors/0/vmsave/star", json!("\u{1b}[2J")),
        changed("/driver/version", json!("1.\u{1b}.3")),
        changed("/driver/version", json!("1.2.70000")),
        with("machine", json!("WS-0412")),
        with("machine", json!({"host": "x".repeat(257)})),
        with("machine", json!({"host": 12})),
        with(
            "machine",
            json!({"processor": {"microcode": "0x100000000"}}),
        ),
        with("machine", json!({"booted_at": "2026-01-31T08:15:30+01:00"})),
        with("taken_at", json!("\u{202e}yesterday\u{1b}[2J".repeat(1000))),
        with("taken_at", json!(1_769_847_330)),
        with("client", json!({})),
        br#"{"schema": 7, "machines": []}"#.to_vec(),
    ];
    let complaints: String = cases.iter().map(|bytes| complaint(bytes)).collect();
    assert!(
        !complaints.contains(['\u{1b}', '\u{202e}']),
        "{complaints:?}"
    );
    insta::assert_snapshot!(complaints);
}

#[test]
fn a_folder_and_nothing_are_no_files() {
    let folder = Folder::new();
    for path in [folder.path(""), folder.path("missing")] {
        let ran = run(&["check", "--from", &path], &mut Driver::with_processors(1));
        assert_eq!((ran.exit, ran.stderr.lines().count()), (8, 1));
    }
    let nowhere = folder.path("missing/a.json");
    let ran = run(&["save", &nowhere], &mut Driver::with_processors(1));
    assert_eq!((ran.exit, ran.stderr.lines().count()), (8, 1));
}

#[test]
fn a_list_without_end_is_refused_before_it_fills_the_memory() {
    let one = r#"{"index":1,"group":0,"number":1,"error":{"code":"not-amd"}},"#;
    let mut bytes = br#"{"schema":1,"processors":["#.to_vec();
    for _ in 0..20_000 {
        bytes.extend(one.as_bytes());
    }
    let Err(FileError::NotJson(error)) = Snapshot::parse(&bytes) else {
        panic!("it was read");
    };
    assert!(
        error.to_string().contains("a list of at most 16384"),
        "{error}"
    );
}

#[test]
fn a_nest_without_end_is_refused() {
    let nest = format!(r#"{{"schema":1,"x":{}"#, "[".repeat(100_000));
    assert!(matches!(
        Snapshot::parse(nest.as_bytes()),
        Err(FileError::NotJson(_))
    ));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_without_end_is_given_up() {
    let ran = run(
        &["check", "--from", "/dev/zero"],
        &mut Driver::with_processors(1),
    );
    assert_eq!(
        (ran.exit, ran.stderr.as_str()),
        (
            8,
            "client: /dev/zero: it is larger than 64 MiB: no snapshot is\n"
        )
    );
}

/// Whatever was read can be judged, compared and shown.
fn use_up(bytes: &[u8]) {
    if let Ok(snapshot) = Snapshot::parse(bytes) {
        assert!(client::Diff::between(&snapshot, &snapshot).is_empty());
        for finding in client::check(&snapshot).findings {
            assert!(!finding.sentence.is_empty());
        }
        snapshot.to_html().unwrap();
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..9000)) {
        use_up(&bytes);
        let mut page = bytes;
        page.resize(4096, 0);
        use_up(&page);
    }

    #[test]
    fn no_damage_to_a_file_is_too_strange(
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = healthy().into_bytes();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        use_up(&bytes);
        use_up(&bytes[..end.index(bytes.len())]);
    }
}
