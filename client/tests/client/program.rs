//! The program as a process of its own.

use std::process::{Command, Output, Stdio};

fn client() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
    command.stdin(Stdio::null()).env_remove("COLUMNS");
    command
}

fn run(arguments: &[&str]) -> Output {
    client().args(arguments).output().unwrap()
}

/// Standard error, which must be one line of the client's.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let line = text
        .strip_prefix("client: ")
        .and_then(|line| line.strip_suffix('\n'));
    match line {
        Some(line) if !line.contains('\n') => line.to_owned(),
        _ => panic!("not one line: {text:?}"),
    }
}

#[test]
fn a_nonsense_option_is_an_error_of_usage() {
    let output = run(&["--nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert_eq!(
        complaint(&output),
        "unexpected argument '--nonsense' found; see `client --help`"
    );
}

#[test]
fn a_missing_driver_has_an_exit_code_of_its_own() {
    for arguments in [[].as_slice(), &["status"], &["show", "--json", "-p", "0"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(3));
        assert!(output.stdout.is_empty());
        let next_step = if cfg!(windows) {
            "client.exe install"
        } else {
            "cargo xtask demo"
        };
        assert!(complaint(&output).contains(next_step));
    }
}

#[test]
fn no_columns_are_as_good_as_none_said() {
    let show = ["show", "examples/healthy.json"];
    let plain = run(&show).stdout;
    for (columns, is_plain) in [("0", true), ("", true), ("x", true), ("200", false)] {
        let output = client().args(show).env("COLUMNS", columns).output();
        assert_eq!(output.unwrap().stdout == plain, is_plain, "{columns}");
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = client().arg("--help").stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = client().arg("--help").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).starts_with("the output cannot be written: "));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_are_an_error_of_usage() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let output = client()
        .arg(OsStr::from_bytes(b"\xFF\xFE"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    complaint(&output);
}
