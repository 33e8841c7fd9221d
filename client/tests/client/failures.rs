//! Failures on the way to the driver and on the way to the user.

use std::io::{self, Write};

use client::{DeviceError, Terminal};

use crate::fake::Driver;
use crate::run;

/// Exit code and complaint when the device can't be opened.
fn without_device(error: DeviceError) -> (u8, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = client::run(
        ["client".into()],
        || Err(error),
        &mut stdout,
        &mut stderr,
        Terminal::default(),
    );
    assert!(stdout.is_empty());
    (exit, String::from_utf8(stderr).unwrap())
}

#[test]
fn each_failure_has_its_exit_code_and_one_line_that_says_what_to_do() {
    let mut lines = String::new();
    for (error, code) in [
        (DeviceError::NotFound, 3),
        (DeviceError::NotWindows, 3),
        (DeviceError::AccessDenied, 4),
        (DeviceError::RevisionMismatch, 1),
        (DeviceError::NtStatus(0xC000_009A), 1),
        (
            DeviceError::Other("The handle is invalid. (os error 6)".into()),
            1,
        ),
    ] {
        let (exit, line) = without_device(error);
        assert_eq!(exit, code, "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        lines += &line;
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn the_statuses_of_the_driver_are_the_errors_of_the_device() {
    let error = |status| DeviceError::from_ntstatus(status, 32);
    assert!(matches!(error(0xC000_0034), DeviceError::NotFound));
    assert!(matches!(error(0xC000_0022), DeviceError::AccessDenied));
    assert!(matches!(error(0xC000_0059), DeviceError::RevisionMismatch));
    assert!(matches!(
        error(0xC000_000D),
        DeviceError::NtStatus(0xC000_000D)
    ));
    for status in [0xC000_0023, 0x8000_0005] {
        let too_small = error(status);
        assert!(matches!(
            too_small,
            DeviceError::BufferTooSmall { returned: 32 }
        ));
    }
}

#[test]
fn what_a_terminal_would_act_on_is_spelt_out_in_a_complaint() {
    let ran = run(&["--\u{1b}[2J\u{9b}2J"], &mut Driver::with_processors(1));
    assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""));
    // What reads the command line takes out escape sequences itself, if it was built with colours.
    assert!(ran.stderr.contains(r"\u{9b}2J"), "{}", ran.stderr);
    assert!(!ran.stderr.trim_end().contains(char::is_control));
}

#[test]
fn a_wrong_command_line_opens_nothing_and_takes_one_line() {
    let mut lines = String::new();
    for arguments in [
        ["--frobnicate"].as_slice(),
        &["show", "--jsno"],
        &["shwo"],
        &["-p", "5-3"],
        &["-p", "x"],
        &["-p", ""],
        &["-p", "1,,2"],
        &["-p"],
        &["-p", "all"],
        &["-p", "0", "0xc0000082"],
        &["-p", "0", "3"],
        &["--wide", "status"],
        &["--lstar"],
        &["lstar-differs"],
        &["tr"],
        &["examples/healthy.json"],
        &["help", "shwo"],
        &["show", "--json", "--json"],
        &["show", "--full", "--csv"],
        &["show", "--field", "tr"],
        &["show", "--field", "lstr"],
        &["show", "--columns", "lstar,limit"],
        &["show", "--group-by", "processor"],
        &["--color", "sometimes"],
        &["check", "a.json", "--from", "b.json"],
        &["check", "--fail-on", "error"],
        &["check", "--as", "linux"],
        &["check", "--ignore", "lstar-difers"],
        &["check", "--ignore", "kernel"],
        &["explain", "lstar-difers"],
        &["explain", "asid-zer"],
        &["decode"],
        &["decode", "a.json", "--from", "b.json"],
        &["diff"],
        &["watch", "--every", "soon"],
    ] {
        let mut driver = Driver::with_processors(1);
        let ran = run(arguments, &mut driver);
        assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(driver.requests.is_empty());
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        lines += &ran.stderr;
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn help_and_version_go_to_standard_output() {
    let help = |argument| {
        let ran = run(&[argument], &mut Driver::with_processors(1));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
        ran.stdout
    };
    let version = help("--version");
    let parts = version
        .strip_prefix(concat!("client ", env!("CARGO_PKG_VERSION"), " ("))
        .and_then(|rest| rest.strip_suffix(")\n"));
    let parts: Vec<_> = parts.unwrap().split(", ").collect();
    // The commit is known of a build for release, and where it is named.
    let [commit @ .., target, protocol] = parts.as_slice() else {
        panic!("{version}");
    };
    assert!(target.starts_with(std::env::consts::ARCH), "{version}");
    assert_eq!(*protocol, format!("protocol {}", protocol::VERSION));
    if let Some(commit) = commit.first() {
        let hash = commit.strip_prefix("commit ").unwrap();
        assert!(hash.len() >= 7, "{version}");
        assert!(
            hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{version}"
        );
    }
    assert_eq!(help("-V"), version);
    let text = help("--help");
    assert_eq!(help("/?"), text);
    assert!(text.lines().all(|line| line.len() <= 80));
    insta::assert_snapshot!(text);
    let short = help("-h");
    assert!(short.lines().all(|line| line.len() <= 80));
    insta::assert_snapshot!("the_short_help", short);
}

#[test]
fn help_of_a_command_is_short_or_long_and_the_same_by_every_way() {
    let help = |arguments: &[&str]| {
        let ran = run(arguments, &mut Driver::with_processors(1));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        ran.stdout
    };
    for command in [
        "show",
        "status",
        "check",
        "explain",
        "save",
        "decode",
        "diff",
        "watch",
        "report",
        "bench",
        "install",
        "uninstall",
        "selftest",
    ] {
        let [short, long] = ["-h", "--help"].map(|option| help(&[command, option]));
        assert!(short.contains(&format!("Usage: client {command}")));
        for line in short.lines().chain(long.lines()) {
            assert!(line.len() <= 80, "{command}: {line}");
        }
        let is_about = ["check", "diff", "watch"];
        let words: Vec<&str> = long.split_whitespace().collect();
        let tells = words.windows(2).any(|two| two == ["With", "--quiet,"]);
        assert_eq!(tells, is_about.contains(&command), "{command}");
        // What is said at more length is not what is said in short.
        assert!(long.lines().count() > short.lines().count(), "{command}");
        for option in ["--color <WHEN>", "-q, --quiet"] {
            assert!(short.contains(option) && long.contains(option), "{command}");
        }
        assert_eq!(help(&["help", command]), long);
        assert_eq!(help(&["--help", command]), long);
        assert_eq!(help(&["-h", command]), short);
    }
    assert_eq!(help(&["help"]), help(&["--help"]));
    insta::assert_snapshot!(help(&["help", "check"]));
}

/// A stream that fails in one way, whatever is written.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

/// Exit code and complaints of `show` on a machine where one processor of two refuses, or none.
fn show_into(kind: io::ErrorKind, refusing: bool) -> (u8, String) {
    let mut driver = Driver::with_processors(2);
    if refusing {
        driver.refuse(0, amd_svm::support::Refusal::SvmeDoesNotStick);
    }
    let mut stderr = Vec::new();
    let exit = client::run(
        ["client".into()],
        || Ok(Box::new(&mut driver)),
        &mut Broken(kind),
        &mut stderr,
        Terminal::default(),
    );
    (exit, String::from_utf8(stderr).unwrap())
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    assert_eq!(
        show_into(io::ErrorKind::BrokenPipe, false),
        (0, String::new())
    );
    let (exit, stderr) = show_into(io::ErrorKind::BrokenPipe, true);
    assert_eq!((exit, stderr.lines().count()), (1, 1));
}

#[test]
fn output_that_is_lost_is_a_failure() {
    let (exit, stderr) = show_into(io::ErrorKind::StorageFull, false);
    assert_eq!(exit, 1);
    assert_eq!(
        stderr,
        "client: the output cannot be written: no storage space\n"
    );
}

#[test]
fn an_unwritable_standard_error_changes_no_exit_code() {
    let mut stdout = Vec::new();
    let exit = client::run(
        ["client".into()],
        || Err(DeviceError::AccessDenied),
        &mut stdout,
        &mut Broken(io::ErrorKind::BrokenPipe),
        Terminal::default(),
    );
    assert_eq!(exit, 4);
}
