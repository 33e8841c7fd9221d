//! Every file of `tests/cases` with the answer that is right for it.

mod table;

use std::collections::BTreeSet;
use std::fs;

use client::{Diff, Extent, Field, FindingId, Severity, Snapshot, check};
use serde_json::Value;

use self::table::CASES;
use crate::fake::Driver;
use crate::files::{Folder, assert_matches_schema};
use crate::{Ran, run};

fn path(name: &str) -> String {
    format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command of the client; `@` stands for the folder of the cases.
fn client(command: &str) -> Ran {
    let arguments: Vec<String> = command
        .split(' ')
        .map(|word| word.strip_prefix('@').map_or(word.to_owned(), path))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut driver = Driver::with_processors(1);
    let ran = run(&arguments, &mut driver);
    assert!(driver.requests.is_empty(), "{command}");
    ran
}

#[test]
fn every_case_has_the_answer_that_is_right_for_it() {
    for (command, exit, wanted, unwanted) in CASES {
        let ran = client(command);
        assert_eq!(ran.exit, *exit, "{command}\n{}{}", ran.stdout, ran.stderr);
        for text in *wanted {
            assert!(
                ran.stdout.contains(text),
                "{command}: {text}\n{}",
                ran.stdout
            );
        }
        for text in *unwanted {
            let closing = ran.stdout.lines().last().unwrap_or_default();
            let findings = ran
                .stdout
                .lines()
                .filter(|line| !line.starts_with("judged weakly"));
            assert!(
                !findings.clone().any(|line| line.contains(text)),
                "{command}: {text}\n{}\n{closing}",
                ran.stdout
            );
        }
    }
}

#[test]
fn every_file_is_described_and_asked_about() {
    let files: BTreeSet<String> = fs::read_dir(path(""))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    let readme = fs::read_to_string(path("README.md")).unwrap();
    for file in &files {
        assert!(readme.contains(file.as_str()), "{file} is not described");
        let asked = CASES
            .iter()
            .any(|(command, ..)| command.contains(file.as_str()));
        assert!(asked, "{file} is not asked about");
    }
    assert_eq!(files.len(), 29);
}

#[test]
fn what_is_decoded_in_json_is_as_the_schema_says_and_reads_back() {
    let files = fs::read_dir(path("")).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    for file in files.filter(|name| name != "README.md") {
        let ran = client(&format!("decode --json --full @{file}"));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{file}");
        assert_matches_schema(&ran.stdout);
        let read = Snapshot::parse(ran.stdout.as_bytes()).unwrap();
        assert_eq!(read, Snapshot::open(path(&file)).unwrap(), "{file}");
    }
}

#[test]
fn what_is_hidden_is_said_on_standard_error() {
    let ran = client("show --field lstar --from @redacted.json");
    assert_eq!(
        ran.stderr,
        "client: hidden, because SeDebugPrivilege was not held, and left empty on processors 0-3: \
         lstar\n"
    );
    let ran = client("show --field efer_found --from @linux-guest-2vcpu.vmcb");
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "\n\n"));
    assert!(
        ran.stderr.contains("efer_found is not recorded"),
        "{}",
        ran.stderr
    );
}

#[test]
fn no_name_of_a_module_reaches_a_reader_as_it_is() {
    let folder = Folder::new();
    let page = folder.path("page.html");
    let saved = folder.path("saved.json");
    let from = path("rlo-module.json");
    let mut outputs = vec![];
    for command in [
        ["show", "--from", &from].as_slice(),
        &["show", "--group-by", "value", "--from", &from],
        &["show", "--json", "--full", "--from", &from],
        &["show", "--csv", "--from", &from],
        &["check", "--from", &from],
        &["check", "--json", "--from", &from],
        &["check", "--jsonl", "--from", &from],
        &["diff", &path("windows.json"), &from],
        &["diff", "--json", &path("windows.json"), &from],
        &["report", &page, "--from", &from],
        &["save", &saved, "--from", &from],
    ] {
        outputs.push(run(command, &mut Driver::with_processors(1)).stdout);
    }
    outputs.push(fs::read_to_string(&page).unwrap());
    outputs.push(fs::read_to_string(&saved).unwrap());
    for output in outputs {
        assert!(output.is_ascii(), "{output}");
    }
    let (before, after) = (
        Snapshot::open(&from).unwrap(),
        Snapshot::open(&saved).unwrap(),
    );
    assert_eq!(before, after);
}

#[test]
fn a_choice_of_processors_narrows_what_is_shown_and_not_what_is_judged() {
    let tampered = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tampered.json");
    let text = |list: &str| {
        run(
            &["check", "-p", list, "--from", tampered],
            &mut Driver::with_processors(1),
        )
    };
    let ran = text("3");
    assert_eq!(ran.exit, 6);
    assert!(
        ran.stdout.starts_with("alarm lstar-differs"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("1 of 4 processors checked: 1 finding; 3 findings about other processors")
    );
    let ran = text("0");
    assert_eq!(ran.exit, 6);
    assert!(
        ran.stdout
            .contains("1 finding; 3 findings about other processors"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.starts_with("alarm gs-base-shared"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_file_that_was_made_for_reading_has_the_same_findings() {
    let tampered = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tampered.json");
    for name in [tampered.to_owned(), path("rdmsr-hides-hook.json")] {
        let whole = Snapshot::open(&name).unwrap();
        let brief = run(
            &["show", "--json", "--from", &name],
            &mut Driver::with_processors(1),
        );
        let brief = Snapshot::parse(brief.stdout.as_bytes()).unwrap();
        let found = |snapshot: &Snapshot| -> BTreeSet<FindingId> {
            let findings = check(snapshot).findings.into_iter();
            findings.map(|finding| finding.id).collect()
        };
        let by_modules = FindingId::LstarOutsideKernel;
        let mut expected = found(&whole);
        expected.remove(&by_modules);
        assert_eq!(found(&brief), expected, "{name}");
        assert!(!check(&brief).is_complete());
    }
}

#[test]
fn the_same_kernel_of_another_build_is_told_once_and_a_hook_in_it_too() {
    let before = Snapshot::open(path("windows.json")).unwrap();
    let mut after = Snapshot::open(path("windows-after-reboot-hooked.json")).unwrap();
    after.modules[0].size += 0x1000;
    let diff = Diff::between(&before, &after);
    let changed: Vec<_> = diff.changes.iter().map(|change| change.field).collect();
    assert_eq!(changed, [Field::Lstar]);
    assert_eq!(
        diff.kernel,
        Some([
            "ntoskrnl.exe of 0x1047000 bytes".to_owned(),
            "ntoskrnl.exe of 0x1048000 bytes".to_owned()
        ])
    );
    assert_eq!(diff.count(), 2);
}

#[test]
fn a_verdict_in_json_is_the_verdict() {
    for file in [
        "redacted.json",
        "rdmsr-hides-hook.json",
        "brief.json",
        "tie-2-2.json",
    ] {
        let document: Value =
            serde_json::from_str(&client(&format!("check --json --from @{file}")).stdout).unwrap();
        let verdict = check(&Snapshot::open(path(file)).unwrap());
        assert_eq!(
            document["findings"].as_array().unwrap().len(),
            verdict.findings.len()
        );
        assert_eq!(document["complete"], verdict.is_complete());
        let told: usize = document["coverage"]
            .as_array()
            .unwrap()
            .iter()
            .map(|gap| gap["rules"].as_array().unwrap().len())
            .sum();
        let gaps = verdict
            .coverage
            .iter()
            .filter(|one| one.extent != Extent::Judged);
        assert_eq!(told, gaps.count(), "{file}");
        assert!(verdict.has(Severity::Notice) != verdict.findings.is_empty());
    }
}

#[test]
fn the_healthy_example_is_judged_completely_and_the_old_one_still_reads() {
    let healthy = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/healthy.json");
    let ran = run(
        &["check", "--from", healthy],
        &mut Driver::with_processors(1),
    );
    assert_eq!(
        (ran.exit, ran.stdout.as_str()),
        (0, "4 processors checked: nothing found\n")
    );
    let old = fs::read_to_string(path("schema-1.json")).unwrap();
    assert!(old.contains("\"schema\": 1,") && old.contains("\"gate\": 910"));
    let old = Snapshot::parse(old.as_bytes()).unwrap();
    assert!(old.modules.is_empty());
    let written = old.to_json().unwrap();
    assert!(written.contains("\"schema\": 2,") && written.contains("\"support_check\": 910"));
    assert_eq!(Snapshot::parse(written.as_bytes()).unwrap(), old);
}
