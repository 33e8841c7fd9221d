//! What neither rustfmt nor clippy holds: one style in every source file.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Lines of a file. What is longer is two files.
const LINES: usize = 600;

/// A benchmark is a program of its own, and shares a file with the tests; the trials' kernel boots an
/// example of the crate that it tries.
const SHARE_A_FILE: [&str; 2] = [
    "client/benches/snapshot.rs",
    "oracles/emulators/kernel/src/trials/hypervisor.rs",
];

/// How a reason begins that is none.
const NO_REASON: [&str; 3] = ["as above", "see above", "as before"];

/// What is wrong with a file.
fn faults(place: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for list in derives(source) {
        if !list.is_sorted() {
            let list = list.join(", ");
            faults.push(format!("derives not in the alphabet's order: {list}"));
        }
    }
    for line in source.lines().map(str::trim_start) {
        if let Some(reason) = line.strip_prefix("// SAFETY: ") {
            if NO_REASON.iter().any(|begin| reason.starts_with(begin)) {
                faults.push(format!("no reason: {line}"));
            }
            if begins_a_sentence(reason) {
                faults.push(format!("a capital letter: {line}"));
            }
        }
        if line.starts_with("#[path") && !SHARE_A_FILE.contains(&place) {
            faults.push(format!("a module that is elsewhere: {line}"));
        }
    }
    let trees = imports(source).filter(|import| is_tree(import));
    faults.extend(trees.map(|import| format!("imports of several modules: {import}")));
    if source.lines().count() > LINES {
        faults.push(format!("longer than {LINES} lines"));
    }
    faults
}

/// Whether a text begins with a word of one capital letter and small ones.
fn begins_a_sentence(text: &str) -> bool {
    let mut letters = text.chars().take_while(|one| one.is_alphanumeric());
    letters.next().is_some_and(char::is_uppercase)
        && letters.clone().next().is_some()
        && letters.all(char::is_lowercase)
}

/// The names of each list of derives.
fn derives(source: &str) -> impl Iterator<Item = Vec<&str>> {
    let lists = source.split("#[derive(").skip(1);
    let lists = lists.filter_map(|rest| rest.split(")]").next());
    lists.map(|list| {
        let names = list.split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).collect()
    })
}

/// What follows `use` in each import, up to its semicolon.
fn imports(source: &str) -> impl Iterator<Item = String> {
    let lines = source.lines().enumerate();
    let begins = lines.filter_map(move |(number, line)| {
        let line = line.trim_start();
        let visible = line.strip_prefix("pub").map_or(line, |rest| {
            rest.split_once(' ').map_or(rest, |(_, rest)| rest)
        });
        visible.starts_with("use ").then_some(number)
    });
    begins.map(|number| {
        let mut import = String::new();
        for line in source.lines().skip(number) {
            import.push_str(line.trim());
            if line.ends_with(';') {
                break;
            }
        }
        import
    })
}

/// Whether an import has paths in braces.
fn is_tree(import: &str) -> bool {
    let braces = import.split_once('{');
    braces.is_some_and(|(_, names)| names.contains("::"))
}

#[test]
fn every_source_file_has_the_one_style() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "*.rs"]).current_dir(root);
    let listed = String::from_utf8(git.output().unwrap().stdout).unwrap();
    let places: Vec<&str> = listed.split_terminator('\0').collect();
    assert!(places.len() > 100, "{places:?}");
    let mut found = Vec::new();
    for place in places {
        // A file that was just moved is listed where it was.
        let Ok(source) = fs::read_to_string(root.join(place)) else {
            continue;
        };
        found.extend(
            faults(place, &source)
                .iter()
                .map(|fault| format!("{place}: {fault}")),
        );
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn each_fault_is_found() {
    let lines = "\n".repeat(LINES + 1);
    let comment = concat!("// SAFETY", ": as above.");
    let sentence = concat!("// SAFETY", ": It is there.");
    let module = concat!("#[pa", "th = \"b.rs\"]");
    let derived = concat!("#[der", "ive(Debug, Clone)]");
    for source in [
        derived,
        comment,
        sentence,
        module,
        "use std::{fs, path::Path};",
        "pub use std::{\n    fs,\n    path::Path,\n};",
        &lines,
    ] {
        assert_eq!(faults("driver/src/a.rs", source).len(), 1, "{source:?}");
    }
    let good = concat!(
        "#[der",
        "ive(Clone, Debug, thiserror::Error)]\nuse std::fs::{self, File};\n// SAFETY: EFER is there.\n"
    );
    assert_eq!(faults("driver/src/a.rs", good), Vec::<String>::new());
}
