//! `watch`: changes as they come, and an end at the end.

use client::{Device, DeviceError, KernelModule, Terminal};
use protocol::ReplyHeader;
use serde_json::{Value, json};

use crate::Ran;
use crate::fake::Driver;

/// A machine whose LSTAR on processor 1 moves once, with the third snapshot, and that may go away
/// after some of them.
struct Moving(Driver, usize);

impl Device for &mut Moving {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        if self.0.requests.len() == self.1 {
            return Err(DeviceError::NotFound);
        }
        if self.0.requests.len() == 2 {
            let record = self.0.snapshot(1);
            record.state.system_call.lstar += 0x40;
            record.witness.system_call.lstar += 0x40;
        }
        self.0.snapshot(0).tsc += 1;
        (&mut self.0).control(code, input, output)
    }

    fn kernel_modules(&mut self) -> Vec<KernelModule> {
        self.0.modules.clone()
    }
}

fn watch(arguments: &[&str], terminal: Terminal) -> Ran {
    watch_until(&["--for", "150ms"], arguments, usize::MAX, terminal)
}

fn watch_until(end: &[&str], arguments: &[&str], snapshots: usize, terminal: Terminal) -> Ran {
    let mut moving = Moving(Driver::with_processors(2), snapshots);
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let all = [["client", "watch", "--every", "10ms"].as_slice(), end].concat();
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
    assert_eq!((ran.exit, ran.stderr.as_str()), (6, ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    let [first, change, last] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(*first, "watching 2 of 2 processors");
    assert!(
        change.ends_with(
            " s  lstar on processor 1: 0xfffff8031a42b6c0 ntoskrnl.exe+0x42b6c0 -> \
             0xfffff8031a42b700 ntoskrnl.exe+0x42b700"
        ),
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
    // The machine ends it, not the clock.
    let ran = watch_until(&[], &[], 5, terminal);
    let mut lines = ran.stdout.split("\r\u{1b}[K");
    let first = lines.nth(1).unwrap();
    assert!(
        first.starts_with("1 snapshot in ") && first.ends_with(" s, 0 changes; Ctrl-C ends"),
        "{first}"
    );
    assert_eq!(
        lines.clone().filter(|line| line.contains("lstar")).count(),
        1
    );
    let last = lines.last().unwrap();
    assert!(last.starts_with("5 snapshots in "), "{last}");
    assert!(
        last.ends_with(" s, 1 change\n") && !last.contains("Ctrl-C"),
        "{last}"
    );
}

/// The lines of a watch, each without what depends on the clock.
fn lines(arguments: &[&str]) -> Vec<Value> {
    let all = [["--jsonl"].as_slice(), arguments].concat();
    let ran = watch(&all, Terminal::default());
    assert_eq!(ran.stderr, "");
    let lines = ran.stdout.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        assert!(line["milliseconds"].is_u64(), "{line}");
        let time = line["time"].as_str().unwrap();
        assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
        assert!(line["host"].is_string(), "{line}");
        for member in ["milliseconds", "time", "host", "snapshots"] {
            line.as_object_mut().unwrap().remove(member);
        }
        line
    });
    lines.collect()
}

#[test]
fn programs_get_a_beginning_each_change_and_an_end() {
    assert_eq!(
        lines(&[]),
        [
            json!({
                "schema": 2, "type": "baseline", "processors": 2, "findings": [],
                "complete": true,
            }),
            json!({
                "schema": 2, "type": "change", "processor": 1, "group": 0, "number": 1,
                "field": "lstar", "old": "0xfffff8031a42b6c0", "new": "0xfffff8031a42b700",
                "old_place": "ntoskrnl.exe+0x42b6c0", "place": "ntoskrnl.exe+0x42b700",
            }),
            json!({"schema": 2, "type": "end", "changes": 1}),
        ]
    );
}

#[test]
fn a_quiet_watch_gives_signs_of_life() {
    let beats = lines(&["--columns", "star", "--heartbeat", "30ms"]);
    let types: Vec<_> = beats
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    let [first, middle @ .., last] = types.as_slice() else {
        panic!("{types:?}");
    };
    assert_eq!((*first, *last), ("baseline", "end"));
    assert!(!middle.is_empty() && middle.iter().all(|one| *one == "heartbeat"));
    let ran = watch(
        &["--columns", "star", "--heartbeat", "30ms"],
        Terminal::default(),
    );
    assert_eq!(ran.exit, 0);
    assert!(ran.stdout.lines().count() > 2, "{}", ran.stdout);
}

#[test]
fn only_the_named_fields_are_watched() {
    let ran = watch(&["--columns", "star"], Terminal::default());
    assert!(ran.stdout.ends_with(" s, 0 changes\n"), "{}", ran.stdout);
}

/// The same of a device that stays as it is, or changes by itself.
fn watch_device<'device>(device: impl Device + 'device, duration: &str, arguments: &[&str]) -> Ran {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let all = ["client", "watch", "--every", "10ms", "--for", duration];
    let exit = client::run(
        all.iter().chain(arguments).map(Into::into),
        || Ok(Box::new(device)),
        &mut stdout,
        &mut stderr,
        Terminal::default(),
    );
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    Ran {
        exit,
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::new(),
    }
}

#[test]
fn what_is_hidden_is_not_watched_and_that_is_said_once() {
    let mut driver = Driver::with_processors(2);
    driver.flags = ReplyHeader::REDACTED;
    for index in 0..2 {
        driver.snapshot(index).redact();
    }
    let ran = watch_device(&mut driver, "50ms", &[]);
    assert_eq!(ran.exit, 7);
    let told = "\nnot compared, because hidden by the driver: gs.base on processors 0-1, ";
    assert_eq!(ran.stdout.matches(told).count(), 1, "{}", ran.stdout);
    let ran = watch_device(&mut driver, "50ms", &["--jsonl", "--columns", "lstar"]);
    assert_eq!(ran.exit, 7);
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert_eq!(
        (&lines[1]["type"], &lines[1]["field"], &lines[1]["reason"]),
        (&json!("not-compared"), &json!("lstar"), &json!("hidden"))
    );
    assert_eq!(lines[1]["processors"], json!([0, 1]));
    let ran = watch_device(&mut driver, "50ms", &["--columns", "star"]);
    assert_eq!(ran.exit, 0, "{}", ran.stdout);
}

#[test]
fn the_baseline_judges_processors_that_are_not_watched_too() {
    let mut driver = Driver::with_processors(3);
    let record = driver.snapshot(2);
    record.state.system_call.lstar += 0x40;
    record.witness.system_call.lstar += 0x40;
    let ran = watch_device(&mut driver, "50ms", &["--jsonl", "-p", "0"]);
    let first: Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["findings"], json!(["lstar-differs"]));
    assert_eq!((ran.exit, &first["processors"]), (0, &json!(1)));
}

/// A machine that is another one from the second snapshot on.
struct Changing(Driver, fn(&mut Driver));

impl Device for &mut Changing {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        if self.0.requests.len() == 1 {
            (self.1)(&mut self.0);
        }
        (&mut self.0).control(code, input, output)
    }

    fn kernel_modules(&mut self) -> Vec<KernelModule> {
        self.0.modules.clone()
    }
}

#[test]
fn another_kernel_has_its_line() {
    let machine = || {
        Changing(Driver::with_processors(1), |driver| {
            driver.modules[0].size += 0x1000;
        })
    };
    let ran = watch_device(&mut machine(), "2s", &[]);
    assert_eq!(ran.exit, 6);
    let told = "another kernel: ntoskrnl.exe of 0x1047000 bytes -> ntoskrnl.exe of 0x1048000 bytes";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    let ran = watch_device(&mut machine(), "2s", &["--jsonl"]);
    let lines = ran.stdout.lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (line, field) in lines[1..3].iter().zip(["lstar", "cstar"]) {
        assert_eq!(
            (&line["type"], &line["field"], &line["reason"]),
            (
                &json!("not-compared"),
                &json!(field),
                &json!("another-build")
            )
        );
    }
    let change = &lines[3];
    assert_eq!(
        (&change["type"], &change["field"], &change["new"]),
        (
            &json!("change"),
            &json!("kernel"),
            &json!("ntoskrnl.exe of 0x1048000 bytes")
        )
    );
    assert!(change.get("processor").is_none());
}

#[test]
fn a_contradiction_that_begins_has_its_line() {
    // RDMSR tells another LSTAR than VMSAVE.
    let machine = || {
        Changing(Driver::with_processors(2), |driver| {
            driver.snapshot(0).witness.system_call.lstar += 0x40;
        })
    };
    let ran = watch_device(&mut machine(), "2s", &[]);
    assert_eq!(ran.exit, 6);
    let told = " s  contradictions of VMSAVE on processor 0: none -> lstar\n";
    assert_eq!(ran.stdout.matches(told).count(), 1, "{}", ran.stdout);
    let ran = watch_device(&mut machine(), "2s", &["--jsonl"]);
    let change: Value = serde_json::from_str(ran.stdout.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&change["type"], &change["field"], &change["processor"]),
        (&json!("change"), &json!("contradictions"), &json!(0))
    );
    assert_eq!(
        (&change["old"], &change["new"]),
        (&json!("none"), &json!("lstar"))
    );
    let ran = watch_device(&mut machine(), "50ms", &["--columns", "star"]);
    assert_eq!(ran.exit, 0, "{}", ran.stdout);
}

#[cfg(unix)]
mod processes {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::time::Duration;

    /// A watch of a file that would end in 20 seconds, and its output behind the first line.
    fn start(from: &str, input: Stdio) -> (Child, BufReader<ChildStdout>) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(["watch", "--every", "20ms", "--for", "20s", "--from", from])
            .stdin(input)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        assert_eq!(first, "watching 4 of 4 processors\n");
        (child, stdout)
    }

    fn example() -> &'static str {
        concat!(env!("CARGO_MANIFEST_DIR"), "/examples/healthy.json")
    }

    #[test]
    fn ctrl_c_and_a_request_to_terminate_end_with_the_summary() {
        for signal in ["-INT", "-TERM"] {
            let (mut child, mut stdout) = start(example(), Stdio::null());
            let kill = Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status();
            assert!(kill.unwrap().success());
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(0));
            assert!(rest.contains(" s, 0 changes\n"), "{rest}");
        }
    }

    #[test]
    fn a_watch_ends_at_once_when_its_reader_is_gone() {
        let (mut child, stdout) = start(example(), Stdio::null());
        drop(stdout);
        for _ in 0..500 {
            if let Some(status) = child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0));
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("it goes on without a reader");
    }

    #[test]
    fn standard_input_is_read_once_and_compared_with_itself() {
        let file = std::fs::File::open(example()).unwrap();
        let (mut child, mut stdout) = start("-", file.into());
        std::thread::sleep(Duration::from_millis(100));
        let kill = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(rest.ends_with(" s, 0 changes\n"), "{rest}");
    }
}

#[test]
fn lines_of_a_file_are_about_its_machine() {
    let folder = crate::files::Folder::new();
    let path = folder.path("a.json");
    let mut driver = Driver::with_processors(2);
    for host in [Some("WS-0412"), None] {
        driver.machine.host = host.map(str::to_owned);
        crate::output(&["save", "--force", &path], &mut driver);
        let ran = crate::run(
            &[
                "watch", "--jsonl", "--every", "1ms", "--for", "5ms", "--from", &path,
            ],
            &mut driver,
        );
        assert!(ran.stdout.lines().count() >= 2, "{}", ran.stdout);
        for line in ran.stdout.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["host"].as_str(), host, "{line}");
        }
    }
}
