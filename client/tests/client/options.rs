//! Options of every command: where they stand, what is told, and in which colours.

use std::process::{Command, Output, Stdio};

use crate::fake::Driver;
use crate::files::Folder;
use crate::{Ran, run};

const HEALTHY: &str = "examples/healthy.json";
const TAMPERED: &str = "examples/tampered.json";

fn ran(arguments: &[&str]) -> Ran {
    run(arguments, &mut Driver::with_processors(4))
}

fn printed(arguments: &[&str]) -> (u8, String, String) {
    let Ran {
        exit,
        stdout,
        stderr,
    } = ran(arguments);
    (exit, stdout, stderr)
}

#[test]
fn options_stand_before_or_behind_the_command() {
    for (before, behind) in [
        (
            ["--from", TAMPERED, "check"].as_slice(),
            ["check", "--from", TAMPERED].as_slice(),
        ),
        (&["-p", "3", "show"], &["show", "-p", "3"]),
        (&["-p3", "--csv", "show"], &["show", "-p3", "--csv"]),
        (&["--json", "status"], &["status", "--json"]),
        (
            &["--fail-on", "alarm", "check", TAMPERED],
            &["check", TAMPERED, "--fail-on", "alarm"],
        ),
        (
            &["--from", TAMPERED, "diff", HEALTHY],
            &["diff", HEALTHY, TAMPERED],
        ),
        (
            &["--from", TAMPERED, "decode", "--csv"],
            &["decode", TAMPERED, "--csv"],
        ),
        (&["--quiet", "check", TAMPERED], &["check", TAMPERED, "-q"]),
        (
            &["--color=always", "check"],
            &["check", "--color", "always"],
        ),
        // Without a command it is `show`.
        (
            &["--field", "lstar", "-p", "0"],
            &["show", "-p", "0", "--field", "lstar"],
        ),
    ] {
        let expected = printed(behind);
        assert_eq!(printed(before), expected, "{before:?}");
        assert!(!expected.1.is_empty(), "{behind:?}: {}", expected.2);
    }
    // What a command does not know it refuses, wherever it stands.
    let refused = ran(&["--wide", "check"]);
    assert_eq!((refused.exit, refused.stdout.as_str()), (2, ""));
    assert_eq!(
        refused.stderr,
        "client: unexpected argument '--wide' found (`show` and `decode` have --wide); see \
         `client check --help`\n"
    );
    for (arguments, owners) in [
        (["show", "--as", "windows"].as_slice(), "`check` has --as"),
        (&["check", "--csv"], "`show` and `decode` have --csv"),
    ] {
        let refused = ran(arguments);
        assert!(
            refused.stderr.contains(&format!("({owners}); see")),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_word_that_is_no_file_gets_the_one_that_helps() {
    for (word, help) in [
        (
            "0xc0000082",
            "`client show --field lstar` prints this field",
        ),
        ("tr", "`client show --columns tr` prints these fields"),
        ("3", "processors are given with commas: -p 0,3-5"),
        (
            "LSTAR-DIFFERS",
            "`client explain lstar-differs` tells what this means",
        ),
    ] {
        let refused = ran(&["show", "-p", "0", word]);
        assert_eq!((refused.exit, refused.stdout.as_str()), (8, ""));
        assert!(refused.stderr.contains(help), "{}", refused.stderr);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    }
    let refused = ran(&["show", "no-such.json"]);
    assert!(!refused.stderr.contains('`'), "{}", refused.stderr);
}

#[test]
fn names_of_findings_are_found_in_any_case() {
    assert_eq!(
        printed(&["explain", "LSTAR-Differs"]),
        printed(&["explain", "lstar-differs"])
    );
    let ignoring = ran(&["check", TAMPERED, "--ignore", "LSTAR-DIFFERS"]);
    assert!(
        ignoring
            .stdout
            .contains("ignored: lstar-differs (1 finding)")
    );
    assert_eq!(
        printed(&["explain", "ASID-ZERO"]),
        printed(&["explain", "asid-zero"])
    );
}

#[test]
fn a_snapshot_and_this_machine_are_told_apart() {
    let missing = |arguments: &[&str]| {
        let refused = ran(arguments);
        assert_eq!((refused.exit, refused.stdout.as_str()), (2, ""));
        refused.stderr
    };
    for command in ["show", "status", "check"] {
        assert_eq!(
            missing(&[command, "-p", "9"]),
            "client: there is no processor 9: this machine has 0-3\n"
        );
        assert_eq!(
            missing(&[command, "-p", "9", "--from", HEALTHY]),
            "client: there is no processor 9: the snapshot has 0-3\n"
        );
    }
    // Of many files, it is no reason to stop, and none not to judge.
    let many = ran(&["show", "-p", "9", HEALTHY, TAMPERED]);
    assert_eq!(many.exit, 8);
    let lines = [HEALTHY, TAMPERED]
        .map(|file| format!("client: {file}: there is no processor 9: the snapshot has 0-3\n"));
    assert_eq!(many.stderr, lines.concat());
    let many = ran(&["check", "-p", "9", HEALTHY, TAMPERED]);
    assert_eq!((many.exit, many.stderr.as_str()), (6, ""));
    let told = ": there is no processor 9: the snapshot has 0-3; 0 of 4 processors checked: ";
    assert_eq!(many.stdout.matches(told).count(), 2);
    let mut driver = Driver::with_processors(2);
    driver.refuse_everywhere(amd_svm::support::Refusal::NotAmd);
    let folder = Folder::new();
    let path = folder.path("refused.json");
    let json = run(&["show", "--json", "--full"], &mut driver);
    let place = |line: &str| {
        let rest = line.strip_prefix("client: VMSAVE is not available on ");
        rest.and_then(|rest| rest.split_once(": "))
            .unwrap()
            .0
            .to_owned()
    };
    assert_eq!(place(&json.stderr), "this machine");
    std::fs::write(&path, json.stdout).unwrap();
    assert_eq!(
        place(&ran(&["show", &path]).stderr),
        "the snapshot's machine"
    );
}

#[test]
fn the_machine_is_named_where_it_is_known() {
    let mut driver = Driver::with_processors(2);
    driver.machine.host = Some("WS-0412\u{202E}".to_owned());
    let checked = run(&["check", "-p", "1"], &mut driver);
    let closing = "1 of 2 processors of WS-0412\\u{202e} checked: nothing found";
    assert!(checked.stdout.contains(closing), "{}", checked.stdout);
    let folder = Folder::new();
    let path = folder.path("a.json");
    let tested = run(&["selftest", "--quick", &path], &mut driver);
    let closing = tested.stdout.lines().last().unwrap();
    assert!(
        closing.contains("not done on WS-0412\\u{202e}: "),
        "{closing}"
    );
    let quiet = folder.path("quiet.json");
    let quiet = run(&["selftest", "--quick", "--quiet", &quiet], &mut driver);
    assert_eq!((quiet.exit, quiet.stdout.lines().count()), (tested.exit, 1));
}

#[test]
fn quiet_prints_results_alone() {
    let both = |arguments: &[&str]| {
        let loud = ran(arguments);
        let quiet = ran(&[arguments, &["--quiet"]].concat());
        assert_eq!(loud.exit, quiet.exit, "{arguments:?}");
        (loud, quiet)
    };
    // Findings, and neither what was not judged nor a count.
    let (loud, quiet) = both(&["check", "tests/cases/tie-2-2.json"]);
    assert!(loud.stdout.starts_with(&quiet.stdout));
    assert!(loud.stdout.contains("not judged") && !quiet.stdout.contains("not judged"));
    assert!(!quiet.stdout.is_empty() && !quiet.stdout.contains("checked"));
    let (_, quiet) = both(&["check", HEALTHY]);
    assert_eq!(quiet.stdout, "");
    // Of many machines those with findings.
    let (loud, quiet) = both(&["check", HEALTHY, TAMPERED, "no-such.json"]);
    assert!(loud.stdout.starts_with("examples/healthy.json"));
    assert!(quiet.stdout.starts_with("examples/tampered.json"));
    assert!(!quiet.stdout.contains("checked"), "{}", quiet.stdout);
    assert_eq!(
        (quiet.stderr.lines().count(), &quiet.stderr),
        (1, &loud.stderr)
    );
    // Neither do machines say what was not judged.
    let (_, quiet) = both(&["check", HEALTHY, "tests/cases/tie-2-2.json"]);
    assert!(quiet.stdout.starts_with("tests/cases/tie-2-2.json"));
    assert!(!quiet.stdout.contains("judged") && !quiet.stdout.contains("checked"));
    // What programs read is whole.
    for form in ["--json", "--jsonl"] {
        let (loud, quiet) = both(&["check", HEALTHY, form]);
        assert_eq!(loud.stdout, quiet.stdout);
    }
    let (_, quiet) = both(&["diff", HEALTHY, HEALTHY]);
    assert_eq!(quiet.stdout, "");
    let (loud, quiet) = both(&["diff", HEALTHY, TAMPERED]);
    assert!(loud.stdout.starts_with(&quiet.stdout) && !quiet.stdout.is_empty());
    assert!(!quiet.stdout.contains("differences"));
    let watch = ["watch", "--every", "1ms", "--for", "20ms", "--from"];
    let (loud, quiet) = both(&[&watch[..], &[HEALTHY]].concat());
    assert!(loud.stdout.starts_with("watching 4 of 4 processors\n"));
    assert_eq!(quiet.stdout, "");
    let (_, quiet) = both(&[&watch[..], &[HEALTHY, "--jsonl"]].concat());
    assert!(quiet.stdout.contains("baseline") && quiet.stdout.contains("end"));
    // A note is no error; an error is told.
    let (loud, quiet) = both(&["show", "--from", HEALTHY, "--field", "cpl"]);
    assert!(loud.stderr.contains("is not recorded"), "{}", loud.stderr);
    assert_eq!(quiet.stderr, "");
    let (loud, quiet) = both(&["show", "--from", "no-such.json"]);
    assert_eq!(quiet.stderr, loud.stderr);
}

/// Runs the program as a process, with nothing in its environment about colours but this.
fn coloured(environment: &[(&str, &str)], options: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
        .envs(environment.iter().copied())
        .args(["check", TAMPERED])
        .args(options)
        .stdin(Stdio::null());
    let Output { stdout, status, .. } = command.output().unwrap();
    assert_eq!(status.code(), Some(6));
    stdout.contains(&0x1B)
}

#[test]
fn colours_follow_the_option_then_the_environment_then_the_terminal() {
    assert!(!coloured(&[], &[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "0")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "")], &[]));
    assert!(!coloured(&[("CLICOLOR", "1")], &[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0")], &[]));
    assert!(!coloured(
        &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
        &[]
    ));
    assert!(coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], &[]));
    assert!(coloured(&[("NO_COLOR", "1")], &["--color", "always"]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--color=never"]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &["--color", "auto"]));
    // What programs read is never coloured.
    assert!(!coloured(&[], &["--color", "always", "--jsonl"]));
}

/// What is said of a command line, or of a run that ended with this code.
fn complaint(exit: u8, arguments: &[&str]) -> String {
    let ran = ran(arguments);
    assert_eq!((ran.exit, ran.stdout.as_str()), (exit, ""), "{arguments:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn a_file_too_many_is_told_where_files_go() {
    for (arguments, advice) in [
        (
            &["diff", HEALTHY, TAMPERED, HEALTHY][..],
            "diff takes two files",
        ),
        (&["diff", "a", "b", "no-such"], "diff takes two files"),
        (&["decode", HEALTHY, TAMPERED], "decode takes one file"),
        (
            &["report", "x.html", TAMPERED],
            "report writes one file; `--from examples/tampered.json` reads it",
        ),
        (
            &["save", "x.json", TAMPERED],
            "save writes one file; `--from examples/tampered.json` reads it",
        ),
        (
            &["status", TAMPERED],
            "`--from examples/tampered.json` reads it",
        ),
        (&["bench", "t.json"], "`--from t.json` reads it"),
        (
            &["watch", TAMPERED],
            "`--from examples/tampered.json` reads it",
        ),
        (&["selftest", "a.json", "b.json"], "`--compare` reads them"),
        (
            &["explain", "lstar-differs", "asid-zeros"],
            "explain takes one name",
        ),
        // A word that means something else is told of that.
        (&["status", "0-1"], "processors are given with commas"),
        (
            &[TAMPERED],
            "`client show FILE` and `client check FILE` read files",
        ),
    ] {
        let said = complaint(2, arguments);
        assert!(said.contains(advice), "{arguments:?}: {said}");
    }
}

#[test]
fn a_folder_is_told_what_reads_it() {
    let folder = Folder::new();
    std::fs::copy(HEALTHY, folder.path("a.json")).unwrap();
    let path = folder.path("");
    for arguments in [
        &["check", "--from", &path][..],
        &["show", "--from", &path],
        &["decode", &path],
        &["diff", &path, HEALTHY],
        &["diff", HEALTHY, &path],
        &["status", "--from", &path],
        &["watch", "--from", &path],
        &["report", "-", "--from", &path],
    ] {
        let said = complaint(8, arguments);
        let reason = "it is a folder: `client check FOLDER` reads all files of one\n";
        assert!(said.ends_with(reason), "{arguments:?}: {said}");
    }
    for command in ["save", "report"] {
        for force in [&[][..], &["--force"]] {
            let said = complaint(8, &[&[command, &path], force].concat());
            assert!(
                said.ends_with("it is a folder: name a file in it\n"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_file_that_is_not_there_has_a_near_one_beside_it() {
    let folder = Folder::new();
    std::fs::copy(HEALTHY, folder.path("machine-17.json")).unwrap();
    let wrong = folder.path("machine-71.json");
    for arguments in [
        &["check", &wrong][..],
        &["show", "--from", &wrong],
        &["decode", &wrong],
        &["diff", &wrong, HEALTHY],
    ] {
        let said = complaint(8, arguments);
        assert!(
            said.ends_with(": the nearest is `machine-17.json`\n"),
            "{said}"
        );
    }
    assert!(!complaint(8, &["check", &folder.path("x")]).contains("nearest"));
    #[cfg(unix)]
    {
        let link = folder.path("link.json");
        std::os::unix::fs::symlink("absent", &link).unwrap();
        let said = complaint(8, &["check", &link]);
        assert!(
            said.ends_with(": it is a link, and what it leads to is not there\n"),
            "{said}"
        );
    }
    let said = complaint(8, &["check", "examples/helthy.json"]);
    assert!(said.ends_with("the nearest is `healthy.json`\n"), "{said}");
    for command in ["check", "show", "decode"] {
        let said = complaint(8, &[command, "help"]);
        assert!(
            said.contains(&format!("`client help {command}` tells")),
            "{said}"
        );
    }
}

#[test]
fn values_of_options_are_told_apart_as_they_are_meant() {
    let two = "lstar-differs,TR-LIMIT-WIDE";
    assert_eq!(
        printed(&["check", TAMPERED, "--ignore", two]),
        printed(&[
            "check",
            TAMPERED,
            "--ignore",
            "lstar-differs",
            "--ignore",
            "tr-limit-wide",
        ])
    );
    for (option, value) in [
        ("--fail-on", "Alarm"),
        ("--as", "WINDOWS"),
        ("--color", "Never"),
    ] {
        let lower = value.to_lowercase();
        assert_eq!(
            printed(&["check", TAMPERED, option, value]),
            printed(&["check", TAMPERED, option, &lower])
        );
    }
    for (list, reason) in [
        ("", "a number is missing: processors are given as 0,3-5"),
        ("0,", "a number is missing"),
        ("0-", "the range `0-` lacks its first or its last number"),
        ("-3", "the range `-3` lacks its first or its last number"),
        (
            "1:2-",
            "the range `1:2-` lacks its first or its last number",
        ),
        ("0-x", "`x` is no processor's number"),
    ] {
        let list = format!("-p={list}");
        let said = complaint(2, &["show", &list]);
        assert!(said.contains(reason), "{list}: {said}");
    }
    let said = complaint(2, &["watch", "--every", "5"]);
    assert!(said.contains("for example 5s or 500ms"), "{said}");
    assert!(complaint(2, &["diff", "-", "-"]).contains("can be read but once"));
}

/// Runs a command where there is no driver, and never will be.
fn elsewhere(arguments: &[&str]) -> String {
    let mut stderr = Vec::new();
    let exit = client::run(
        std::iter::once(&"client").chain(arguments).map(Into::into),
        || Err(client::DeviceError::NotWindows),
        &mut Vec::new(),
        &mut stderr,
        client::Terminal::default(),
    );
    assert_eq!(exit, 3, "{arguments:?}");
    String::from_utf8(stderr).unwrap()
}

#[test]
fn advice_is_what_the_command_can_do_without_windows() {
    for command in [
        "show", "check", "status", "watch", "bench", "report -", "save -",
    ] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let said = elsewhere(&arguments);
        assert!(said.contains("`--from FILE` reads a snapshot"), "{said}");
    }
    let said = elsewhere(&["diff", HEALTHY]);
    assert!(
        said.contains("`client diff BEFORE AFTER`") && !said.contains("--from"),
        "{said}"
    );
    let folder = Folder::new();
    let said = elsewhere(&["selftest", &folder.path("a.json")]);
    assert!(
        said.contains("--compare") && !said.contains("--from"),
        "{said}"
    );
    #[cfg(not(windows))]
    for command in ["install", "uninstall"] {
        let said = elsewhere(&[command]);
        assert!(
            said.contains("the machine that the driver is for"),
            "{said}"
        );
        assert!(!said.contains("--from") && !said.contains("demo"), "{said}");
    }
}
