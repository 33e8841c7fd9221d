//! Documents that name the tests which show what they say: every such test must exist.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use wdk_linux::host::Workspace;
use wdk_linux::host::workspace::read_text;
use xtask::check::Check;

/// A document with tables whose rows end in tests, as `path/file.rs::name`.
const SAFETY: &str = "docs/safety.md";

/// What a table's row is begun with, and what sets its head apart.
const ROW: &str = "| ";
const RULE: &str = "|---";

/// Looks up what documents refer to.
pub fn checks(workspace: &Workspace) -> Result<Vec<Check>> {
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
    ])
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
    fn a_test_is_a_function_with_the_attribute() {
        assert!(has_test(SOURCE, "one"));
        assert!(!has_test(SOURCE, "two"));
        assert!(has_test(SOURCE, "three"));
        assert!(!has_test(SOURCE, "four"));
    }
}
