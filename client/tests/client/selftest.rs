//! `selftest` as far as it goes without Windows, and files from elsewhere.

use serde_json::{Value, json};

use crate::fake::Driver;
use crate::files::Folder;
use crate::run;

fn tested(folder: &Folder) -> String {
    let path = folder.path("a.json");
    let mut driver = Driver::with_processors(2);
    let ran = run(&["selftest", "--quick", "--seed", "7", &path], &mut driver);
    assert_eq!((ran.exit, ran.stderr.as_str()), (7, ""), "{}", ran.stdout);
    ran.stdout.replace(&folder.path(""), "")
}

/// The same each time, to the column of every value.
fn without_measurements(text: &str) -> String {
    let mut document: Value = serde_json::from_str(text).unwrap();
    document["taken_at"] = json!("2026-01-01T00:00:00Z");
    for step in document["steps"].as_array_mut().unwrap() {
        step["values"] = json!({"seen": 1});
        step["milliseconds"] = json!(0);
    }
    document.to_string()
}

#[test]
fn what_needs_no_windows_is_done_and_the_rest_says_why_not() {
    let folder = Folder::new();
    insta::assert_snapshot!(tested(&folder));
    let page = std::fs::read_to_string(folder.path("a.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("seed 7."));
}

#[test]
fn a_result_is_written_over_nothing() {
    let folder = Folder::new();
    tested(&folder);
    let (json, page) = (folder.path("a.json"), folder.path("a.html"));
    let before = [&json, &page].map(|path| std::fs::read(path).unwrap());
    let driver = &mut Driver::with_processors(1);
    let files = [
        ("a.json", 8),
        ("a.html", 1),
        ("a.txt", 8),
        ("missing/a.json", 8),
    ];
    for (file, exit) in files {
        let ran = run(&["selftest", "--quick", &folder.path(file)], driver);
        assert_eq!((ran.exit, ran.stdout.as_str()), (exit, ""), "{file}");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    assert_eq!(
        before,
        [&json, &page].map(|path| std::fs::read(path).unwrap())
    );
    assert!(driver.requests.is_empty(), "nothing was asked in vain");
    assert!(!std::path::Path::new(&folder.path("a.txt")).exists());
}

#[test]
fn nothing_is_tested_without_a_driver_that_could_be_there() {
    let folder = Folder::new();
    let path = folder.path("a.json");
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let arguments = ["client", "selftest", &path].map(Into::into);
    let open = || Err(client::DeviceError::NotWindows);
    let terminal = client::Terminal::default();
    let exit = client::run(arguments, open, &mut stdout, &mut stderr, terminal);
    assert_eq!((exit, stdout.as_slice()), (3, b"".as_slice()));
    assert!(!std::path::Path::new(&path).exists());
}

#[test]
fn a_damaged_file_has_one_clear_line() {
    let folder = Folder::new();
    tested(&folder);
    let whole = std::fs::read_to_string(folder.path("a.json")).unwrap();
    let whole = without_measurements(&whole);
    let changed = |pointer: &str, value: Value| {
        let mut document: Value = serde_json::from_str(&whole).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        document.to_string().into_bytes()
    };
    let first: Value = serde_json::from_str(&whole).unwrap();
    let first = &first["steps"][0];
    let cases = [
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"\x1b[2J".to_vec(),
        b"\xFF\xFE".to_vec(),
        br#"{"schema": 2, "processors": []}"#.to_vec(),
        whole.as_bytes()[..whole.len() / 2].to_vec(),
        [whole.as_bytes(), b"x"].concat(),
        [b"[".repeat(100_000)].concat(),
        vec![b' '; (1 << 20) + 1],
        changed("/selftest", json!(2)),
        changed("/system/kind", json!("\u{1b}[2J")),
        changed("/steps/0/result", json!("perhaps")),
        changed("/steps/0/values", json!({"x": [1]})),
        changed("/steps/0/milliseconds", json!(-1)),
        changed("/steps", json!([first, first])),
        changed("/steps", json!(vec![first; 65])),
        changed("/driver/version", json!("1.2")),
    ];
    let path = folder.path("x");
    let mut complaints = String::new();
    for bytes in cases {
        std::fs::write(&path, bytes).unwrap();
        let ran = run(
            &["selftest", "--compare", &path],
            &mut Driver::with_processors(1),
        );
        assert_eq!((ran.exit, ran.stdout.as_str()), (8, ""));
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        complaints += &ran.stderr.replace(&path, "FILE");
    }
    assert!(!complaints.contains('\u{1b}'), "{complaints:?}");
    insta::assert_snapshot!(complaints);
}

#[test]
fn what_is_no_file_of_a_self_test_ends_like_any_file_that_is_wrong() {
    let folder = Folder::new();
    tested(&folder);
    for (other, reason) in [
        ("missing", "(os error "),
        ("", ": it is a folder: name the files"),
    ] {
        let ran = run(
            &[
                "selftest",
                "--compare",
                &folder.path("a.json"),
                &folder.path(other),
            ],
            &mut Driver::with_processors(1),
        );
        assert_eq!((ran.exit, ran.stdout.as_str()), (8, ""));
        assert!(ran.stderr.contains(reason), "{}", ran.stderr);
    }
}
