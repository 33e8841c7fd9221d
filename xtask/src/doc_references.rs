//! Documents that name files, and tests which show what they say: each of them must exist.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, QUERY_LIMIT};
use wdk_linux::host::workspace::read_text;
use xtask::check::Check;

/// A document with tables whose rows end in tests: a file, `::` and a name.
const SAFETY: &str = "docs/safety.md";

/// What a table's row is begun with, and what sets its head apart.
const ROW: &str = "| ";
const RULE: &str = "|---";

/// Below which folder builds put what they make: documents name it before it is there.
const MADE: &str = "target/";

/// Files that are nothing but parts of this repository, wherever they are said to be.
const SOURCES: [&str; 8] = ["rs", "md", "json", "toml", "txt", "inx", "snap", "yml"];

/// Looks up what documents refer to.
pub(crate) fn checks(workspace: &Workspace) -> Result<Vec<Check>> {
    let text = read_text(&workspace.root().join(SAFETY))?;
    let without: Vec<&str> = rows(&text).filter(|row| tests(row).count() == 0).collect();
    let unknown = unknown_tests(workspace.root(), &text)?;
    Ok(vec![
        Check::new(
            "every row of docs/safety.md names a test",
            without.is_empty() && rows(&text).count() > 0,
            without.join("; "),
        ),
        Check::new(
            "every test that docs/safety.md names exists",
            unknown.is_empty(),
            unknown.join(", "),
        ),
        missing_files(workspace.root())?,
        missing_in_comments(workspace)?,
    ])
}

/// Whether every file exists that a document of this repository names.
fn missing_files(root: &Path) -> Result<Check> {
    let mut missing = Vec::new();
    let documents = documents(root)?;
    for document in &documents {
        let text = read_text(document)?;
        let folder = document.parent().unwrap_or(root);
        let name = document.strip_prefix(root).unwrap_or(document).display();
        let gone = files(&text).filter(|file| is_missing(root, folder, file));
        missing.extend(gone.map(|file| format!("{name}: {file}")));
        let gone = links(&text).filter(|file| !folder.join(file).exists());
        missing.extend(gone.map(|file| format!("{name}: {file}")));
    }
    Ok(Check::new(
        "every file that a document names exists",
        missing.is_empty() && !documents.is_empty(),
        missing.join(", "),
    ))
}

/// Whether every file exists that a comment of a source names, from the root's folder or from one
/// above the source.
fn missing_in_comments(workspace: &Workspace) -> Result<Check> {
    let root = workspace.root();
    let mut git = workspace.tool("git");
    git.args(["ls-files", "-z", "*.rs", "*.h"]);
    let listed = process::run(&mut git, QUERY_LIMIT)?.stdout;
    let mut missing = Vec::new();
    for source in listed.split_terminator('\0') {
        // A file that was just moved is listed where it was.
        let Ok(text) = read_text(&root.join(source)) else {
            continue;
        };
        let folders = || Path::new(source).ancestors().skip(1);
        let gone = files_in_comments(&text).filter(|file| {
            let mut places = folders().map(|folder| root.join(folder));
            places.all(|folder| is_missing(root, &folder, file))
        });
        missing.extend(gone.map(|file| format!("{source}: {file}")));
    }
    Ok(Check::new(
        "every file that a comment names exists",
        missing.is_empty() && !listed.is_empty(),
        missing.join(", "),
    ))
}

/// What the comments of a source name that may be a file.
fn files_in_comments(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim_start);
    let comments = lines.filter(|line| line.starts_with("//") || line.starts_with("* "));
    let words = comments.flat_map(str::split_whitespace);
    let words = words.filter(|word| !word.starts_with("//"));
    let words = words.map(|word| word.split("::").next().unwrap_or(word));
    let words = words.map(|word| {
        let word = word.trim_start_matches(['`', '(', '[', '"']);
        word.trim_end_matches(['`', ')', ']', '"', ',', ';', ':', '.'])
    });
    words.filter(|word| word.contains('/') && !word.contains(['*', '<', '{', '$', '\\', ':']))
}

/// The documents at the top level and in the folders there.
fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = vec![root.to_owned()];
    for entry in root.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_ours = !name.starts_with('.') && !MADE.starts_with(&*name);
        if is_ours && entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    let mut documents = Vec::new();
    for folder in folders {
        for entry in folder.read_dir()? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    Ok(documents)
}

/// What a text quotes that may be a file, blocks of code aside.
fn files(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    let quoted = prose.flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let words = quoted.flat_map(str::split_whitespace);
    let words = words.map(|word| word.split("::").next().unwrap_or(word));
    let words = words.map(|word| word.trim_end_matches([',', '.', ';', ':']));
    words.filter(|word| word.contains('/') && !word.contains(['*', '<', '{', '$', '\\']))
}

/// Whether a quoted path is one of this repository, by how it begins or ends, and is not there.
fn is_missing(root: &Path, folder: &Path, path: &str) -> bool {
    let begins_here = path
        .split_once('/')
        .is_some_and(|(first, _)| !first.is_empty() && root.join(first).exists());
    let end = Path::new(path).extension().and_then(|end| end.to_str());
    let is_source = end.is_some_and(|end| SOURCES.contains(&end)) && !path.starts_with('/');
    let is_here = (begins_here || is_source) && !path.starts_with(MADE);
    is_here && !root.join(path).exists() && !folder.join(path).exists()
}

/// Files that a text links to.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':'))
}

/// Rows of all tables, without their heads.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().zip(text.lines().skip(1));
    let body = lines.filter(|(line, next)| line.starts_with(ROW) && !next.starts_with(RULE));
    // The last line has no next one, and is no row: a file ends with text.
    body.map(|(line, _)| line)
}

/// File and name of each test that a text refers to.
fn tests(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter_map(|words| {
        words
            .split_once("::")
            .filter(|(file, _)| Path::new(file).extension().is_some_and(|end| end == "rs"))
    })
}

fn unknown_tests(root: &Path, text: &str) -> Result<Vec<String>> {
    let mut sources = BTreeMap::new();
    let mut unknown = Vec::new();
    for (file, name) in tests(text) {
        if !sources.contains_key(file) {
            let path = root.join(file);
            let source = path.is_file().then(|| read_text(&path)).transpose()?;
            sources.insert(file, source.unwrap_or_default());
        }
        if !has_test(&sources[file], name) {
            unknown.push(format!("{file}::{name}"));
        }
    }
    Ok(unknown)
}

/// Whether a source has a function of this name that is marked as a test.
fn has_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with(&head) {
            return is_test;
        }
        is_test = line == "#[test]" || is_test && line.starts_with("#[");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
        | fails | shown by |\n\
        |---|---|\n\
        | this | `a.rs::one` `a/b.rs::two` |\n\
        | that | `no::test`, nothing |\n\
        \n\
        The end.\n";

    const SOURCE: &str = "\
        #[test]\n\
        fn one() {}\n\
        fn two() {}\n\
        #[test]\n\
        #[should_panic]\n\
        fn three() {}\n";

    #[test]
    fn rows_and_the_tests_in_them_are_found() {
        let rows: Vec<&str> = rows(DOCUMENT).collect();
        assert_eq!(rows.len(), 2);
        let found: Vec<_> = tests(rows[0]).collect();
        assert_eq!(found, [("a.rs", "one"), ("a/b.rs", "two")]);
        assert_eq!(tests(rows[1]).count(), 0);
    }

    #[test]
    fn files_are_found_where_they_are_quoted_or_linked() {
        let text = "`cargo xtask fuzz lab/fuzz`, `a/b.rs::one`; [a](../lab/fuzz#top), \
                    [b](https://rustup.rs), `/dev/cpu`, `lab/*.rs`\n```\n`x/y.rs`\n```\n";
        let quoted: Vec<&str> = files(text).collect();
        assert_eq!(quoted, ["lab/fuzz", "a/b.rs", "/dev/cpu"]);
        assert_eq!(links(text).collect::<Vec<_>>(), ["../lab/fuzz"]);
    }

    #[test]
    fn a_file_is_missing_if_it_would_be_of_this_repository() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("docs");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("lab.md"), "`docs/gone`, [it](gone.md)").unwrap();
        let missing = |path: &str| is_missing(root.path(), &folder, path);
        for path in ["docs/gone", "docs/gone.md", "gone/file.rs"] {
            assert!(missing(path), "{path}");
        }
        for path in [
            "docs/lab.md",
            "./lab.md",
            "target/gone",
            "/dev/cpu",
            "and/or",
        ] {
            assert!(!missing(path), "{path}");
        }
        let violation = missing_files(root.path()).unwrap().violation;
        let expected = "docs/lab.md: docs/gone, docs/lab.md: gone.md";
        assert_eq!(violation.as_deref(), Some(expected));
    }

    #[test]
    fn files_are_found_in_comments() {
        let source = "//! See `a/b.rs`, and (docs/lab.md).\n/*\n * lab/fuzz::run does it.\n */\n\
                      let path = \"x/y.rs\"; // not looked at: z/z.rs\n    // https://rustup.rs/a\n";
        let found: Vec<&str> = files_in_comments(source).collect();
        assert_eq!(found, ["a/b.rs", "docs/lab.md", "lab/fuzz"]);
    }

    #[test]
    fn documents_name_nothing_that_is_not_there() {
        let workspace = Workspace::locate().unwrap();
        let checks = checks(&workspace).unwrap();
        let violations = checks.iter().filter(|check| check.violation.is_some());
        assert_eq!(violations.count(), 0, "{checks:#?}");
    }

    #[test]
    fn a_test_is_a_function_with_the_attribute() {
        assert!(has_test(SOURCE, "one"));
        assert!(!has_test(SOURCE, "two"));
        assert!(has_test(SOURCE, "three"));
        assert!(!has_test(SOURCE, "four"));
    }
}
