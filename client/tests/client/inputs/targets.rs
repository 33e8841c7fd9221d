//! What is written, and over what: nothing that is evidence is lost.

use std::fs;

use amd_svm::support::Refusal;
use client::Snapshot;

use crate::fake::Driver;
use crate::files::Folder;
use crate::{output, run};

#[test]
fn a_snapshot_is_not_replaced_unless_the_user_insists() {
    let folder = Folder::new();
    let evidence = folder.path("evidence.json");
    let mut driver = Driver::with_processors(2);
    assert_eq!(output(&["save", &evidence], &mut driver), "");
    let saved = fs::read(&evidence).unwrap();
    for arguments in [
        ["report", &evidence, "--from", &evidence].as_slice(),
        &["report", &evidence],
        &["save", &evidence],
        &["save", "--raw", &evidence, "--from", &evidence],
    ] {
        let ran = run(arguments, &mut driver);
        assert_eq!((ran.exit, ran.stdout.as_str()), (8, ""), "{arguments:?}");
        assert!(ran.stderr.contains("--force"), "{}", ran.stderr);
        assert_eq!(fs::read(&evidence).unwrap(), saved);
    }
    // Of evidence that is damaged, something may still be saved.
    for damaged in [
        &saved[..saved.len() / 2],
        &[&saved, [0; 4000].as_slice()].concat(),
    ] {
        fs::write(&evidence, damaged).unwrap();
        let ran = run(&["save", &evidence], &mut driver);
        assert_eq!(ran.exit, 8);
        assert_eq!(fs::read(&evidence).unwrap(), damaged);
    }
    // What this client did not write is not lost either.
    let archive = b"\x1F\x8B\x08 an archive".as_slice();
    let page = b"<!DOCTYPE html>\n<title>svmsave self-test: 1 passed</title>".as_slice();
    for (name, content) in [
        ("t.json.gz", archive),
        ("notes.txt", b"notes"),
        ("selftest.html", page),
        ("selftest.json", br#"{ "selftest": 1 }"#),
    ] {
        let path = folder.path(name);
        fs::write(&path, content).unwrap();
        for command in ["save", "report"] {
            let ran = run(&[command, &path, "--from", &evidence], &mut driver);
            assert_eq!(ran.exit, 8, "{command} {name}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }
    fs::write(&evidence, b"").unwrap();
    assert_eq!(output(&["save", &evidence], &mut driver), "");
    assert_eq!(output(&["save", "--force", &evidence], &mut driver), "");
    let page = folder.path("page.html");
    for _ in 0..2 {
        assert_eq!(
            output(&["report", &page, "--from", &evidence], &mut driver),
            ""
        );
    }
    assert_eq!(run(&["save", &page], &mut driver).exit, 8);
    let named_wrong = folder.path("page.json");
    let ran = run(&["report", &named_wrong, "--from", &evidence], &mut driver);
    assert_eq!(ran.exit, 8);
    assert!(!fs::exists(&named_wrong).unwrap());
}

#[test]
fn a_dash_is_standard_output() {
    let mut driver = Driver::with_processors(2);
    let json = output(&["save", "-"], &mut driver);
    assert_eq!(
        Snapshot::parse(json.as_bytes()).unwrap().processors.len(),
        2
    );
    assert!(output(&["report", "-"], &mut driver).contains("</html>"));
    assert!(!fs::exists("-").unwrap());
    let ran = run(&["diff", "-", "-"], &mut driver);
    assert_eq!(ran.exit, 2);
    assert!(ran.stderr.contains("read but once"), "{}", ran.stderr);
}

#[test]
fn a_machine_that_refuses_has_a_verdict_in_json() {
    let mut driver = Driver::with_processors(2);
    driver
        .refuse(0, Refusal::SvmeDoesNotStick)
        .refuse(1, Refusal::SvmeDoesNotStick);
    let ran = run(&["check", "--json"], &mut driver);
    assert_eq!((ran.exit, ran.stderr.lines().count()), (5, 1));
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["complete"], false);
    let finding = &document["findings"][0];
    assert_eq!(finding["id"], "not-captured");
    assert_eq!(finding["processors"], serde_json::json!([0, 1]));
    let ran = run(&["check"], &mut driver);
    assert_eq!((ran.exit, ran.stdout.as_str()), (5, ""));
}

#[test]
fn one_list_of_modules_is_noted() {
    let before = Snapshot::take(&mut &mut Driver::with_processors(1)).unwrap();
    let mut after = before.clone();
    after.modules.clear();
    let folder = Folder::new();
    let paths = [folder.path("a.json"), folder.path("b.json")];
    for (path, snapshot) in paths.iter().zip([&before, &after]) {
        fs::write(path, snapshot.to_json().unwrap()).unwrap();
    }
    let ran = run(
        &["diff", &paths[0], &paths[1]],
        &mut Driver::with_processors(1),
    );
    assert_eq!(ran.exit, 0);
    assert!(
        ran.stdout.contains("one snapshot has no module list"),
        "{}",
        ran.stdout
    );
}

#[test]
fn pages_differ_in_any_field() {
    let folder = Folder::new();
    let paths = [folder.path("a.vmcb"), folder.path("b.vmcb")];
    let mut page = [0; 4096];
    fs::write(&paths[0], page).unwrap();
    page[0x70] = 0x72;
    page[0x1A0] = 5;
    page[0xA78] = 9;
    fs::write(&paths[1], page).unwrap();
    let diff = ["diff", &paths[0], &paths[1]];
    // Why it exited and where it branched passes; what no field has does not.
    let ran = run(&diff, &mut Driver::with_processors(1));
    assert_eq!(ran.exit, 6);
    assert!(
        ran.stdout.starts_with("reserved.0x1a0") && ran.stdout.ends_with("\n1 difference\n"),
        "{}",
        ran.stdout
    );
    let ran = run(
        &[&diff[..], &["--all"]].concat(),
        &mut Driver::with_processors(1),
    );
    assert_eq!(ran.exit, 6);
    for line in [
        "exit_code on processor 0: 0x0000000000000000 -> 0x0000000000000072\n",
        "reserved.0x1a0 on processor 0: 0x0000000000000000 -> 0x0000000000000005\n",
        "lbr_stack.1 on processor 0: ",
        "3 differences\n",
    ] {
        assert!(ran.stdout.contains(line), "{line}\n{}", ran.stdout);
    }
}
