//! `watch`: changes as they come, and an end at the end.

use client::{Device, DeviceError, Terminal};
use serde_json::Value;

use crate::{Ran, fake::Driver};

/// A machine whose LSTAR on processor 1 moves once, with the third snapshot.
struct Moving(Driver);

impl Device for &mut Moving {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        if self.0.requests.len() == 2 {
            self.0.snapshot(1).state.system_call.lstar += 0x40;
        }
        self.0.snapshot(0).tsc += 1;
        (&mut self.0).control(code, input, output)
    }
}

fn watch(arguments: &[&str], terminal: Terminal) -> Ran {
    let mut moving = Moving(Driver::with_processors(2));
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let all = ["client", "watch", "--every", "10ms", "--for", "150ms"];
    let exit = client::run(
        all.iter().chain(arguments).map(Into::into),
        || Ok(Box::new(&mut moving)),
        &mut stdout,
        &mut stderr,
        terminal,
    );
    Ran {
        exit,
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

#[test]
fn a_change_is_told_when_it_comes_and_the_end_counts() {
    let ran = watch(&[], Terminal::default());
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    let [first, change, last] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(*first, "watching 2 of 2 processors");
    assert!(
        change.ends_with(" s  lstar on processor 1: 0xfffff8031a42b6c0 -> 0xfffff8031a42b700"),
        "{change}"
    );
    assert!(
        last.contains(" snapshots in ") && last.ends_with(" s, 1 change"),
        "{last}"
    );
    assert!(!ran.stdout.contains('\u{1b}'));
}

#[test]
fn a_live_line_gives_way_to_what_is_printed() {
    let mut terminal = Terminal::with_width(80);
    terminal.live = true;
    let ran = watch(&[], terminal);
    assert!(
        ran.stdout
            .contains("\r\u{1b}[K1 snapshot in 0.0 s, 0 changes; Ctrl-C ends")
    );
    let last = ran.stdout.rsplit("\r\u{1b}[K").next().unwrap();
    assert!(
        last.ends_with(" s, 1 change\n") && !last.contains("Ctrl-C"),
        "{last}"
    );
}

#[test]
fn programs_get_a_line_of_json_for_each_change() {
    let ran = watch(&["--jsonl"], Terminal::default());
    assert_eq!(ran.exit, 0);
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [line] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(line["changes"][0]["field"], "lstar");
    assert_eq!(line["changes"][0]["processors"], serde_json::json!([1]));
    assert!(line["milliseconds"].is_u64());
    assert!(ran.stderr.ends_with(" s, 1 change\n"), "{}", ran.stderr);
}

#[test]
fn only_the_named_fields_are_watched() {
    let ran = watch(&["--columns", "star"], Terminal::default());
    assert!(ran.stdout.ends_with(" s, 0 changes\n"), "{}", ran.stdout);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_the_summary() {
    use std::{
        io::{BufRead as _, BufReader, Read as _},
        process::{Command, Stdio},
    };

    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/healthy.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_client"))
        .args(["watch", "--every", "1h", "--for", "20s", "--from", example])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    stdout.read_line(&mut first).unwrap();
    assert_eq!(first, "watching 4 of 4 processors\n");
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(rest.starts_with("1 snapshot in "), "{rest}");
}
