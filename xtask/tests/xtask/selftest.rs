//! `client selftest` against the driver in the lab, as far as that goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn demo(client: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["demo", "--cpus", "4", "--", "selftest"])
        .args(client)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A file of these tests, which is not there.
fn new_file(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for file in [&file, &file.with_extension("html")] {
        if file.exists() {
            fs::remove_file(file).unwrap();
        }
    }
    file
}

#[test]
fn the_lab_does_what_needs_no_windows() {
    let file = new_file("selftest.json");
    let path = file.to_str().unwrap();
    let output = demo(&["--quick", "--seed", "1", path]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(7), "{stdout}");
    let folder = file.parent().unwrap().to_str().unwrap();
    assert_eq!(
        stdout.replace(folder, "FOLDER"),
        include_str!("selftest.txt")
    );
    let document: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let steps = document["steps"].as_array().unwrap();
    let values = |id: &str| &steps.iter().find(|step| step["id"] == id).unwrap()["values"];
    assert_eq!(values("agreement")["captures"], 40);
    assert_eq!(values("random-requests")["requests"], 1000);
    assert_eq!(values("efer")["captures"], 40);
    let page = fs::read_to_string(file.with_extension("html")).unwrap();
    assert!(page.contains("<code>random-requests</code>"));

    let compared = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["demo", "--cpus", "1", "--", "selftest", "--compare", path])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stdout = String::from_utf8(compared.stdout).unwrap();
    assert_eq!(compared.status.code(), Some(7), "{stdout}");
    assert!(stdout.contains("it settles nothing"), "{stdout}");
}
