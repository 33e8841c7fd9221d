//! The inner loop: what a change of a line is most likely to break, in the order in which it costs.
//!
//! Looked at are the files that differ from the last commit, or, where none does, those that the
//! last commit changed.

use std::collections::BTreeSet;

use anyhow::Result;
use wdk_linux::host::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use wdk_linux::host::{Workspace, step};
use xtask::artifact::driver;

use crate::harness;
use crate::lints;
use crate::outcome::Outcome;
use crate::schedule::place::{HOST, STAGE};
use crate::schedule::{self, Summary, Task};
use crate::suites;

/// Packages that a program for this machine is not built of.
const BARE_METAL: [&str; 5] = ["svmsave", "lab-kernel", "lab-frames", "svm-trials", "fuzz"];

/// What is done, by what has changed.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Plan {
    /// Packages of this machine's programs that have changed, or depend on one that has.
    packages: BTreeSet<String>,
    /// Whether the driver is made of something that has changed.
    driver: bool,
    /// Whether the lab's kernel is.
    kernel: bool,
}

impl Plan {
    /// What follows from the files that have changed.
    pub(crate) fn of_changes(workspace: &Workspace) -> Result<Self> {
        let changed = changed_files(workspace)?;
        Ok(Self::of_files(workspace, &changed))
    }

    fn of_files(workspace: &Workspace, files: &[String]) -> Self {
        let mut changed: BTreeSet<&str> = BTreeSet::new();
        for file in files {
            // A root manifest belongs to every package.
            if matches!(&**file, "Cargo.toml" | "Cargo.lock") {
                let packages = workspace.packages().iter();
                changed.extend(packages.map(|package| package.name.as_str()));
            }
            changed.extend(owner(workspace, file));
        }
        loop {
            let dependants = workspace.packages().iter().filter(|package| {
                let mut dependencies = package.dependencies.iter();
                dependencies.any(|dependency| changed.contains(&*dependency.name))
            });
            let before = changed.len();
            let dependants: Vec<_> = dependants.map(|package| package.name.as_str()).collect();
            changed.extend(dependants);
            if changed.len() == before {
                break;
            }
        }
        let host = changed.iter().filter(|name| !BARE_METAL.contains(*name));
        Self {
            packages: host.map(|&name| name.to_owned()).collect(),
            driver: changed.contains("svmsave"),
            kernel: changed.contains("lab-kernel"),
        }
    }
}

/// The package that a file belongs to: the one whose folder is the nearest above it.
fn owner<'a>(workspace: &'a Workspace, file: &str) -> Option<&'a str> {
    let path = workspace.root().join(file);
    let owners = workspace.packages().iter().filter_map(|package| {
        let folder = package.manifest_path.parent()?;
        path.starts_with(folder).then_some((folder, package))
    });
    let nearest = owners.max_by_key(|(folder, _)| folder.as_str().len())?;
    Some(&nearest.1.name)
}

/// Files that differ from the last commit, or that it changed if there are none.
fn changed_files(workspace: &Workspace) -> Result<Vec<String>> {
    let ask = |arguments: &[&str]| -> Result<Vec<String>> {
        let mut git = workspace.tool("git");
        let said = process::run(git.args(arguments), QUERY_LIMIT)?.stdout;
        Ok(said.split_terminator('\0').map(str::to_owned).collect())
    };
    let mut files = ask(&["diff", "--name-only", "-z", "HEAD"])?;
    files.extend(ask(&["ls-files", "-z", "--others", "--exclude-standard"])?);
    if files.is_empty() {
        files = ask(&[
            "diff-tree",
            "-r",
            "--no-commit-id",
            "--name-only",
            "-z",
            "HEAD",
        ])?;
    }
    Ok(files)
}

/// Does what the plan says: formatting, lints and unit tests of what has changed, and a snapshot
/// in the lab.
pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Summary {
    let mut tasks = vec![
        Task::new("formatting", || {
            Outcome::of("formatting", lints::format(workspace))
        }),
        Task::new("a snapshot in the lab", || {
            Outcome::of("a snapshot in the lab", snapshot(workspace))
        })
        .at(STAGE),
    ];
    if !plan.packages.is_empty() {
        tasks.push(Task::new("lints and unit tests", || unit_tests(workspace, plan)).at(HOST));
    }
    if plan.driver {
        let lint = || driver::lint(&driver::prepare(workspace)?);
        tasks.push(
            Task::new("lints of the driver", move || {
                Outcome::of("lints of the driver", lint())
            })
            .at(STAGE),
        );
    }
    if plan.kernel {
        let lint = || lints::bare_metal(workspace);
        tasks.push(
            Task::new("lints of the lab", move || {
                Outcome::of("lints of the lab", lint())
            })
            .after(&["a snapshot in the lab"]),
        );
    }
    schedule::run(tasks, schedule::at_once(), |text| println!("{text}"))
}

/// Lints and unit tests of the packages, with lints where they are built.
fn unit_tests(workspace: &Workspace, plan: &Plan) -> Outcome {
    let mut cargo = suites::cargo_for_tests(workspace);
    cargo.args(["test", "--locked", "--no-fail-fast", "--lib", "--bins"]);
    // As the whole of the tests has it, so that neither builds for itself.
    cargo.args(["--features", suites::FEATURES]);
    for package in &plan.packages {
        cargo.args(["--package", package]);
    }
    cargo.args(["--", "--skip", suites::DAMAGE]);
    suites::run("unit tests", [cargo])
}

/// Boots two processors, takes a snapshot and has the client look at it.
fn snapshot(workspace: &Workspace) -> Result<()> {
    let mut harness = harness::build(workspace)?;
    step("a snapshot of 2 processors", |_| {
        process::run(harness.arg("snapshot"), BUILD_LIMIT)?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(files: &[&str]) -> Plan {
        let workspace = Workspace::locate().unwrap();
        let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
        Plan::of_files(&workspace, &files)
    }

    #[test]
    fn a_change_reaches_what_depends_on_it() {
        let of_driver = plan(&["driver/src/lib.rs"]);
        assert!(of_driver.driver && !of_driver.kernel && of_driver.packages.is_empty());
        let of_client = plan(&["client/src/lib.rs"]);
        assert!(!of_client.driver && of_client.packages.contains("xtask"));
        let of_crate = plan(&["amd-svm/src/lib.rs"]);
        assert!(of_crate.driver && of_crate.kernel && of_crate.packages.contains("client"));
        let of_document = plan(&["docs/lab.md"]);
        assert_eq!(of_document.packages.len(), 0);
        assert!(plan(&["Cargo.lock"]).packages.len() > 5);
    }

    #[test]
    fn a_file_belongs_to_the_nearest_package() {
        let workspace = Workspace::locate().unwrap();
        assert_eq!(
            owner(&workspace, "lab/kernel/src/main.rs"),
            Some("lab-kernel")
        );
        assert_eq!(owner(&workspace, "lab/src/lib.rs"), Some("lab"));
        assert_eq!(owner(&workspace, "README.md"), None);
    }
}
