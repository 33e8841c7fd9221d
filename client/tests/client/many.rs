//! Snapshots of many machines at once.

use std::fs;

use amd_svm::support::Refusal;
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

/// A reader that goes away after so many writes.
struct Leaves {
    after: usize,
}

impl std::io::Write for Leaves {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.after.checked_sub(1) {
            Some(left) => self.after = left,
            None => return Err(std::io::ErrorKind::BrokenPipe.into()),
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a command whose reader goes away: its exit code, and what it says on standard error.
fn read_in_part(after: usize, arguments: &[&str]) -> (u8, String) {
    let mut stderr = Vec::new();
    let exit = client::run(
        std::iter::once(&"client").chain(arguments).map(Into::into),
        || Err(client::DeviceError::NotFound),
        &mut Leaves { after },
        &mut stderr,
        Terminal::default(),
    );
    (exit, String::from_utf8(stderr).unwrap())
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let fleet = Fleet::new();
    let folder = fleet.path("");
    assert_eq!(read_in_part(0, &["show", &folder]).1, "");
    for form in [&["check"][..], &["check", "--jsonl"]] {
        let check = |after, files: &[&str]| read_in_part(after, &[form, files].concat());
        // The second machine is hooked, and was judged when its verdict could not be written.
        for after in [1, 2] {
            assert_eq!(check(after, &[&folder]), (6, String::new()));
        }
        // What was not read is not clean.
        assert_eq!(check(0, &[&folder]), (7, String::new()));
        let clean = ["a.json", "later/c.json"].map(|name| fleet.path(name));
        let clean = clean.each_ref().map(String::as_str);
        for after in [0, 1] {
            assert_eq!(check(after, &clean), (7, String::new()));
        }
        assert_eq!(check(3, &clean).0, 0);
    }
}

/// A processor that refuses, and a machine on which all do, in files of a folder.
fn refusals() -> (Folder, [String; 3]) {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(4);
    let save = |name: &str, driver: &mut Driver| {
        let path = folder.path(name);
        let json = run(&["show", "--json", "--full"], driver).stdout;
        fs::write(&path, json).unwrap();
        path
    };
    let whole = save("a.json", &mut driver);
    driver.refuse(2, Refusal::NoSvm { hypervisor: true });
    let some = save("b.json", &mut driver);
    driver.refuse_everywhere(Refusal::NotAmd);
    let all = save("c.json", &mut driver);
    (folder, [whole, some, all])
}

#[test]
fn what_is_in_the_way_of_one_machine_stands_below_its_name() {
    let (_folder, [whole, some, all]) = refusals();
    let show = |arguments: &[&str]| {
        let ran = run(&[&["show"], arguments].concat(), &mut Driver::new(1, 1));
        (ran.exit, ran.stdout, ran.stderr)
    };
    let (exit, stdout, stderr) = show(&[&whole, &some]);
    assert_eq!((exit, &*stderr), (1, ""));
    let below = stdout.split_once(&some).unwrap().1;
    let reason = "VMSAVE is not available on processor 2: ";
    assert!(
        below.contains(reason) && below.contains("; ask who runs"),
        "{stdout}"
    );
    let (exit, stdout, _) = show(&[&all, &some, &whole]);
    assert_eq!(exit, 5, "the worst of them");
    let below = stdout.split_once(&all).unwrap().1;
    let place = "VMSAVE is not available on the snapshot's machine: ";
    assert!(below.lines().nth(1).unwrap().starts_with(place), "{stdout}");
    assert_eq!(show(&[&all, "no-such.json"]).0, 8);
    // What programs read stays a table.
    for form in ["--csv", "--jsonl"] {
        let (exit, stdout, stderr) = show(&[form, &whole, &some]);
        assert_eq!(exit, 1);
        assert!(!stdout.contains("not available"), "{stdout}");
        let line = format!("client: {some}: {reason}");
        assert!(stderr.starts_with(&line), "{stderr}");
    }
    let (exit, stdout, stderr) = show(&["--field", "lstar", &some, &whole]);
    assert_eq!((exit, stdout.lines().count()), (1, 2 * (1 + 4 + 1) - 1 + 1));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_table_of_many_has_all_columns_whatever_comes_first() {
    let fleet = Fleet::new();
    let machine = fleet.path("a.json");
    let guest = "tests/cases/linux-guest-2vcpu.vmcb";
    let heads = |form: &str, files: [&str; 2]| -> Vec<String> {
        let ran = run(
            &[&["show", form][..], &files].concat(),
            &mut Driver::new(1, 1),
        );
        assert_eq!((ran.exit, &*ran.stderr), (0, ""));
        let first = ran.stdout.lines().next().unwrap().to_owned();
        if form == "--csv" {
            let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
            assert_eq!(reader.records().flatten().count(), 6);
            return first.split(',').map(str::to_owned).collect();
        }
        let line: Value = serde_json::from_str(&first).unwrap();
        line.as_object().unwrap().keys().cloned().collect()
    };
    for form in ["--csv", "--jsonl"] {
        let one_way = heads(form, [&machine, guest]);
        assert_eq!(one_way, heads(form, [guest, &machine]));
        for key in ["efer_found", "tsc", "efer", "cr0", "cr4", "cpl", "lstar"] {
            assert!(one_way.iter().any(|head| head == key), "{form}: {key}");
        }
    }
    let chosen = run(
        &[
            "show",
            "--csv",
            "--columns",
            "cr4,lstar,cr4",
            guest,
            &machine,
        ],
        &mut Driver::new(1, 1),
    );
    assert!(
        chosen
            .stdout
            .starts_with("index,group,number,cr4,lstar,error,")
    );
}

#[test]
fn a_file_that_is_named_twice_is_judged_once() {
    let fleet = Fleet::new();
    let (a, later, folder) = (fleet.path("a.json"), fleet.path("later"), fleet.path(""));
    for files in [[&folder, &a], [&a, &folder], [&folder, &later]] {
        let ran = run(&["check", files[0], files[1]], &mut Driver::new(1, 1));
        let closing = ran.stdout.lines().last().unwrap();
        assert!(closing.starts_with("3 snapshots checked: "), "{closing}");
    }
    let ran = run(&["check", &a, &a], &mut Driver::new(1, 1));
    assert!(
        ran.stdout.contains("1 snapshot checked: "),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_machine_without_the_processor_that_was_asked_for_is_judged() {
    let fleet = Fleet::new();
    let small = fleet.path("later/small.json");
    let mut driver = Driver::new(2, 2);
    driver.snapshot(1).state.system_call.lstar += 0x40;
    assert_eq!(run(&["save", &small], &mut driver).exit, 0);
    fs::remove_file(fleet.path("notes.txt")).unwrap();
    let (exit, stdout, stderr) = fleet.run(&["check", "-p", "3"]);
    assert_eq!((exit, &*stderr), (6, ""));
    let told = "there is no processor 3: the snapshot has 0-1; 0 of 2 processors checked: nothing \
                found there; 2 findings about other processors\n";
    assert!(stdout.contains(told), "{stdout}");
    let closing = "4 snapshots checked: 2 with findings, 2 with nothing found\n";
    assert!(stdout.ends_with(closing), "{stdout}");
    // What it has of the list is shown.
    let (_, stdout, _) = fleet.run(&["check", "-p", "1,3"]);
    let told =
        "there is no processor 3: the snapshot has 0-1; 1 of 2 processors checked: 2 findings";
    assert!(stdout.contains(told), "{stdout}");
    let (exit, stdout, stderr) = fleet.run(&["check", "-p", "3", "--jsonl"]);
    assert_eq!((exit, stderr.lines().count()), (6, 1));
    let told = "there is no processor 3: the snapshot has 0-1\n";
    assert!(
        stderr.contains("small.json") && stderr.ends_with(told),
        "{stderr}"
    );
    let verdicts = lines(&stdout);
    let of_small = |line: &&Value| {
        let file = line["file"].as_str().unwrap_or_default();
        file.ends_with("small.json")
    };
    let line = verdicts.iter().find(of_small).unwrap();
    assert_eq!(
        (&line["type"], &line["findings_elsewhere"]),
        (&"verdict".into(), &2.into())
    );
    assert_eq!(verdicts.last().unwrap()["unread"], 0);
    let quiet = fleet.run(&["check", "-p", "3", "--quiet"]);
    assert_eq!(quiet, (6, String::new(), String::new()));
}

#[test]
fn what_was_ignored_is_counted_in_the_end() {
    let fleet = Fleet::new();
    let ignore = ["--ignore", "lstar-differs,vmsave-contradicted,svm-in-use"];
    let (exit, stdout, _) = fleet.run(&[&["check"][..], &ignore].concat());
    assert_eq!(exit, 8, "{stdout}");
    let closing = "3 snapshots checked: 3 with nothing found, 1 file not read; ignored: \
                   lstar-differs (1 finding), vmsave-contradicted (1 finding), svm-in-use (0 \
                   findings)\n";
    assert!(stdout.ends_with(closing), "{stdout}");
    let (_, stdout, _) = fleet.run(&[&["check", "--jsonl"][..], &ignore].concat());
    let summary = lines(&stdout).pop().unwrap();
    assert_eq!(
        summary["ignored"],
        serde_json::json!([
            {"id": "lstar-differs", "findings": 1},
            {"id": "vmsave-contradicted", "findings": 1},
            {"id": "svm-in-use", "findings": 0}
        ])
    );
}

/// The members that `docs/fleet.md` names for lines of a type, or of a processor.
fn members_in_docs(first_cell: &str) -> Vec<String> {
    let page = format!("{}/../docs/fleet.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(page).unwrap();
    let row = page.lines().find(|line| line.starts_with(first_cell));
    let (_, members) = row
        .unwrap()
        .trim_end_matches(" |")
        .rsplit_once("| ")
        .unwrap();
    let members = members.split(", ");
    members
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

#[test]
fn the_page_on_fleets_names_every_member_of_every_line() {
    let fleet = Fleet::new();
    let lines = lines(&fleet.run(&["check", "--jsonl"]).1);
    for kind in ["finding", "verdict", "unread", "summary"] {
        let told = members_in_docs(&format!("| `\"type\": \"{kind}\"` |"));
        let of_kind = lines.iter().filter(|line| line["type"] == kind);
        let keys = of_kind.flat_map(|line| line.as_object().unwrap().keys());
        let mut keys: Vec<String> = keys.cloned().collect();
        keys.retain(|key| key != "schema" && key != "type");
        for key in &keys {
            assert!(told.contains(key), "{kind} has {key}");
        }
        for name in told {
            assert!(keys.contains(&name), "{kind} has no {name}");
        }
    }
}

#[test]
fn standard_input_is_read_once_however_often_it_is_named() {
    let fleet = Fleet::new();
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_client"))
        .args(["check", "-", "-"])
        .stdin(fs::File::open(fleet.path("a.json")).unwrap())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(told.contains("1 snapshot checked"), "{told}");
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
