//! Snapshots of many machines at once.

use std::fs;

use client::Terminal;
use serde_json::Value;

use crate::fake::Driver;
use crate::files::Folder;
use crate::run;

/// A folder with two machines, one of them hooked, a file that is no snapshot, and another machine
/// below it.
struct Fleet(Folder);

impl Fleet {
    fn new() -> Self {
        let folder = Folder::new();
        fs::create_dir(folder.path("later")).unwrap();
        let machines = [
            ("a.json", "WS-A"),
            ("b.json", "WS-B"),
            ("later/c.json", "WS-C"),
        ];
        for (file, host) in machines {
            let mut driver = Driver::new(4, 4);
            if host == "WS-B" {
                driver.snapshot(2).state.system_call.lstar += 0x40;
            }
            let saved = run(&["save", "-"], &mut driver);
            assert_eq!(saved.exit, 0, "{}", saved.stderr);
            let mut document: Value = serde_json::from_str(&saved.stdout).unwrap();
            document["machine"]["host"] = host.into();
            document["taken_at"] = "2026-11-01T08:00:00Z".into();
            fs::write(folder.path(file), document.to_string()).unwrap();
        }
        fs::write(folder.path("notes.txt"), "no snapshot\n").unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path(name)
    }

    /// Runs a command over the whole folder.
    fn run(&self, arguments: &[&str]) -> (u8, String, String) {
        let folder = self.path("");
        let arguments = [arguments, &[&folder]].concat();
        let ran = run(&arguments, &mut Driver::new(1, 1));
        (ran.exit, ran.stdout, ran.stderr)
    }
}

fn lines(output: &str) -> Vec<Value> {
    let lines = output.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_machine_has_its_verdict_and_a_file_that_is_none_is_told() {
    let fleet = Fleet::new();
    let (exit, stdout, stderr) = fleet.run(&["check"]);
    assert_eq!(exit, 6);
    let a = stdout.lines().next().unwrap();
    assert!(
        a.contains("a.json (WS-A, ") && a.contains("4 processors checked: nothing found"),
        "{a}"
    );
    let found = stdout
        .lines()
        .position(|line| line.ends_with("):"))
        .unwrap();
    let below: Vec<&str> = stdout.lines().skip(found + 1).take(2).collect();
    assert!(below[0].starts_with("  alarm lstar-differs: "), "{stdout}");
    assert!(
        stdout
            .lines()
            .last()
            .unwrap()
            .starts_with("3 snapshots checked: 1 with findings, ")
    );
    assert!(stdout.trim_end().ends_with("1 file not read"), "{stdout}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("notes.txt: "), "{stderr}");
}

#[test]
fn every_line_of_verdicts_says_whose_it_is() {
    let fleet = Fleet::new();
    let (exit, stdout, _) = fleet.run(&["check", "--jsonl"]);
    assert_eq!(exit, 6);
    let lines = lines(&stdout);
    let of =
        |kind: &str| -> Vec<&Value> { lines.iter().filter(|line| line["type"] == kind).collect() };
    let hosts: Vec<&str> = of("verdict")
        .iter()
        .map(|one| one["host"].as_str().unwrap())
        .collect();
    assert_eq!(hosts, ["WS-A", "WS-B", "WS-C"]);
    assert!(of("finding").iter().all(|one| one["host"] == "WS-B"));
    for line in of("finding").into_iter().chain(of("verdict")) {
        assert!(line["file"].as_str().unwrap().contains(".json"), "{line}");
        assert!(
            line["taken_at"].is_string() && line.get("os_build").is_some(),
            "{line}"
        );
    }
    let [unread] = of("unread")[..] else {
        panic!("one file is no snapshot");
    };
    assert!(unread["file"].as_str().unwrap().ends_with("notes.txt"));
    let [summary] = of("summary")[..] else {
        panic!("one summary");
    };
    assert_eq!(
        (&summary["snapshots"], &summary["found"]),
        (&3.into(), &1.into())
    );
    assert_eq!(summary["unread"], 1);
}

#[test]
fn one_file_is_judged_as_with_from() {
    let fleet = Fleet::new();
    for name in ["a.json", "b.json"] {
        let path = fleet.path(name);
        for command in [
            &["check"][..],
            &["check", "--json"],
            &["check", "--jsonl"],
            &["show", "--csv"],
        ] {
            let plain = run(&[command, &[&path]].concat(), &mut Driver::new(1, 1));
            let from = run(
                &[command, &["--from", &path]].concat(),
                &mut Driver::new(1, 1),
            );
            assert_eq!(
                (plain.exit, plain.stdout),
                (from.exit, from.stdout),
                "{command:?}"
            );
        }
    }
}

#[test]
fn lines_of_processors_have_the_keys_and_the_digits_of_comma_separated_values() {
    let fleet = Fleet::new();
    let (exit, csv, _) = fleet.run(&["show", "--csv"]);
    assert_eq!(exit, 8, "one file is no snapshot");
    let (exit, stdout, _) = fleet.run(&["show", "--jsonl"]);
    assert_eq!(exit, 8);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let lines: Vec<Value> = lines(&stdout)
        .into_iter()
        .filter(|line| line.get("type").is_none())
        .collect();
    assert_eq!((rows.len(), lines.len()), (12, 12));
    for (row, line) in rows.iter().zip(&lines) {
        let members = line.as_object().unwrap();
        assert_eq!(members.len(), heads.len() + 1, "the keys and `schema`");
        for (key, cell) in heads.iter().zip(row) {
            let value = match &members[key] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(value, cell, "{key}");
        }
    }
    for key in [
        "host",
        "os_build",
        "taken_at",
        "index",
        "lstar",
        "lstar_place",
        "tr.base",
        "error",
    ] {
        assert!(heads.iter().any(|head| head == key), "{key}");
    }
}

#[test]
fn one_document_has_no_room_for_many_and_nothing_is_not_many() {
    let fleet = Fleet::new();
    for command in ["check", "show"] {
        let (exit, stdout, stderr) = fleet.run(&[command, "--json"]);
        assert_eq!((exit, &*stdout), (2, ""), "{command}");
        assert!(stderr.contains("--jsonl"), "{stderr}");
    }
    let pattern = fleet.path("*.vmcb");
    let ran = run(&["check", &pattern], &mut Driver::new(1, 1));
    assert_eq!(ran.exit, 8);
    assert!(
        ran.stderr.contains("no file has a name of this pattern"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let fleet = Fleet::new();
    let folder = fleet.path("");
    let mut stderr = Vec::new();
    client::run(
        ["client", "show", &folder].map(Into::into),
        || Err(client::DeviceError::NotFound),
        &mut Gone,
        &mut stderr,
        Terminal::default(),
    );
    assert_eq!(String::from_utf8(stderr).unwrap(), "");
}

#[test]
fn standard_input_is_named_once() {
    let fleet = Fleet::new();
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_client"))
        .args(["check", "-", "-"])
        .stdin(fs::File::open(fleet.path("a.json")).unwrap())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(8));
    assert_eq!(
        String::from_utf8_lossy(&ran.stderr),
        "client: -: standard input can be read but once: give one of the snapshots as a file\n"
    );
}

/// What a terminal acts on, what is not seen, and a letter that is taken for another.
const DECEPTIVE: &str = "x\u{202e}y\u{1b}[31m\nq\u{430}\u{2066}";

#[cfg(unix)]
#[test]
fn no_name_of_a_file_reaches_the_terminal_as_it_is() {
    let folder = Folder::new();
    let path = folder.path(&format!("{DECEPTIVE}.json"));
    fs::write(&path, "{}").unwrap();
    let absent = folder.path(&format!("{DECEPTIVE}.none"));
    let all = folder.path("");
    for arguments in [
        ["check", &all].as_slice(),
        &["check", &path],
        &["check", "--from", &path],
        &["check", &absent],
        &["show", &all],
        &["show", "--jsonl", &all],
        &["check", "--jsonl", &all],
        &["diff", &path, &absent],
        &["decode", &path],
        &["report", &absent, "--from", &path],
        &[
            "save",
            &format!("{absent}/no"),
            "--from",
            "examples/healthy.json",
        ],
        &["selftest", "--compare", &path],
    ] {
        let ran = run(arguments, &mut Driver::new(1, 1));
        assert_ne!(ran.exit, 0, "{arguments:?}");
        let told = ran.stdout + &ran.stderr;
        let is_plain = |letter: char| letter.is_ascii_graphic() || " \n".contains(letter);
        assert!(!told.is_empty() && told.chars().all(is_plain), "{told:?}");
    }
    // What was typed is told as it was, as far as it is harmless.
    let ran = run(
        &["check", &format!("--\u{e9}{DECEPTIVE}")],
        &mut Driver::new(1, 1),
    );
    assert!(ran.stderr.contains("\\u{202e}") && ran.stderr.contains('\u{e9}'));
    assert!(
        !ran.stderr.contains(['\u{202e}', '\u{1b}', '\u{2066}']),
        "{:?}",
        ran.stderr
    );
}

#[test]
fn no_text_of_a_file_reaches_the_terminal_as_it_is() {
    let fleet = Fleet::new();
    let text = fs::read_to_string(fleet.path("a.json")).unwrap();
    let path = fleet.path("wrong.json");
    for pointer in [
        "/taken_at",
        "/driver/version",
        "/machine/host",
        "/processors/0/vmsave",
        "/processors/0/vmsave/lstar",
        "/processors/0/witness",
        "/processors/0/index",
    ] {
        let mut document: Value = serde_json::from_str(&text).unwrap();
        *document.pointer_mut(pointer).unwrap() = match pointer {
            "/machine/host" => DECEPTIVE.repeat(300).into(),
            _ => DECEPTIVE.into(),
        };
        fs::write(&path, document.to_string()).unwrap();
        let ran = run(&["check", &path], &mut Driver::new(1, 1));
        assert_eq!((ran.exit, ran.stderr.lines().count()), (8, 1), "{pointer}");
        let line = ran.stderr.trim_end();
        assert!(
            line.chars().all(|one| one.is_ascii_graphic() || one == ' '),
            "{line:?}"
        );
    }
}
