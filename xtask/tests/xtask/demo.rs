//! `cargo xtask demo` as its users run it.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("demo").args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    demo(arguments).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The lines that the client wrote to stderr: the others are the steps of the demo.
fn complaints(output: &Output) -> Vec<&str> {
    let lines = stderr(output).lines();
    lines.filter(|line| line.starts_with("client: ")).collect()
}

#[test]
fn the_table_has_a_row_for_each_of_8_processors_in_each_block() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("svmsave 0.1.0, protocol 1: VMSAVE on 8 processors\n"));
    let blocks = text.lines().filter(|line| line.starts_with("CPU ")).count();
    assert!(blocks > 1);
    for processor in 0..8 {
        let row = format!("{processor:>3}  ");
        let rows = text.lines().filter(|line| line.starts_with(&row)).count();
        assert_eq!(rows, blocks);
    }
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    for column in [
        "FS base",
        "TR limit",
        "LSTAR",
        "KernelGsBase",
        "SYSENTER_EIP",
    ] {
        assert!(text.contains(column), "{column}");
    }
}

fn check_json(processors: usize) {
    let output = run(&["--cpus", &processors.to_string(), "--", "show", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["schema"], 2);
    let records = document["processors"].as_array().unwrap();
    assert_eq!(records.len(), processors);
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record["index"], index);
        assert_eq!(record["group"], index / 64);
        assert_eq!(record["number"], index % 64);
        assert_eq!(record["vmsave"]["fs"]["selector"], "0x0053");
        assert_eq!(record["vmsave"]["tr"]["selector"], "0x0040");
    }
    let count = |pointer: &str| {
        let value = |record: &Value| {
            record
                .pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        records.iter().map(value).collect::<HashSet<_>>().len()
    };
    for own in [
        "/vmsave/gs/base",
        "/vmsave/tr/base",
        "/vmsave/kernel_gs_base",
    ] {
        assert_eq!(count(own), processors, "{own}");
    }
    for common in [
        "/vmsave/star",
        "/vmsave/lstar",
        "/vmsave/cstar",
        "/vmsave/sfmask",
    ] {
        assert_eq!(count(common), 1, "{common}");
    }
}

#[test]
fn json_of_64_processors_has_64_records() {
    check_json(64);
}

#[test]
fn json_of_255_processors_has_255_records() {
    check_json(255);
}

#[test]
fn a_machine_without_svm_is_exit_5_with_the_reason() {
    for (model, reason) in [
        ("Skylake-Server", "not made by AMD"),
        ("max,-svm", "does not report SVM"),
    ] {
        for command in ["status", "show"] {
            let output = run(&["--cpu-model", model, "--", command]);
            assert_eq!(output.status.code(), Some(5), "{model} {command}");
            let [complaint] = complaints(&output)[..] else {
                panic!("{}", stderr(&output));
            };
            assert!(complaint.contains(reason), "{complaint}");
        }
    }
}

#[test]
fn an_option_that_makes_no_sense_is_exit_2_with_one_line() {
    let output = run(&["--cpus", "1", "--", "show", "--nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    let [complaint] = complaints(&output)[..] else {
        panic!("{}", stderr(&output));
    };
    assert!(complaint.contains("--nonsense"), "{complaint}");
}

#[test]
fn a_reader_that_leaves_early_hears_no_complaint() {
    let mut child = demo(&["--cpus", "255", "--", "show", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(line, "{\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(complaints(&output), Vec::<&str>::new());
    assert!(!stderr(&output).contains("panicked"));
}

#[test]
fn without_qemu_and_without_apt_the_package_is_named() {
    let cargo = env!("CARGO");
    let folder = Path::new(cargo).parent().unwrap();
    let output = demo(&[]).env("PATH", folder).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    let told: Vec<_> = stderr(&output)
        .lines()
        .filter(|line| line.contains("qemu-system-x86"))
        .collect();
    assert!(!told.is_empty(), "{}", stderr(&output));
    let error = stderr(&output).lines().last().unwrap();
    assert!(
        error.starts_with("error: ") && error.contains("qemu-system-x86"),
        "{error}"
    );
}

/// Addresses and times differ from build to build; everything else is to the letter.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_hexdigit).count();
        // An address, or the offset of one in a module.
        if digits == 16 || result.ends_with('+') {
            result.push_str("0x................");
            result.push_str(&part[digits..]);
        } else {
            result.push_str("0x");
            result.push_str(part);
        }
    }
    without_skew(&result)
}

/// So does how far apart the captures are.
fn without_skew(text: &str) -> String {
    const LABEL: &str = "skew in cycles, if the counters agree: ";
    let Some((before, after)) = text.split_once(LABEL) else {
        return text.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    assert_ne!(rest.len(), after.len(), "no skew in {text}");
    format!("{before}{LABEL}...{rest}")
}

#[test]
fn every_transcript_in_the_readme_is_what_its_command_prints() {
    let readme = include_str!("../../../README.md");
    let mut transcripts = 0;
    for block in readme.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        let (command, expected) = block.split_once('\n').unwrap();
        // The client's own tests replay the others.
        let Some(arguments) = command.strip_prefix("$ cargo xtask demo") else {
            assert!(command.starts_with("$ client "), "{command}");
            continue;
        };
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert_eq!(
            without_addresses(stdout(&output)),
            without_addresses(expected),
            "{command}"
        );
        transcripts += 1;
    }
    assert_eq!(transcripts, 2);
}
