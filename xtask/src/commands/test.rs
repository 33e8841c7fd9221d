//! `cargo xtask test`: everything that can be checked on this machine.

use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Result;

use super::{bench, oracles};
use crate::artifact::{self, CrossBuild, LabDriver};
use crate::bench::baseline;
use crate::check::Check;
use crate::decoders;
use crate::distribution::{self, Certificate};
use crate::evidence;
use crate::fuzzing;
use crate::machine::{self, package, target};
use crate::process::{self, BUILD_LIMIT};
use crate::step::step;
use crate::survival;
use crate::svm;
use crate::workspace::{Workspace, read_text};

/// Check formatting, lints, documentation, units, the package and the lab
#[derive(clap::Args)]
pub struct Args {}

/// Enough for any of the suites on a slow machine; a lab that hangs ends much sooner by itself.
const SUITE_LIMIT: Duration = Duration::from_mins(15);

/// Tests that passed and that failed.
#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
}

/// Runs all of it, goes on after failures, and closes with the count.
pub fn run(_: &Args, workspace: &Workspace) -> Result<ExitCode> {
    machine::ensure(workspace, package::ALL, target::ALL)?;
    machine::ensure(workspace, package::TEST, &[])?;
    let lock = workspace.root().join("Cargo.lock");
    let committed = read_text(&lock)?;
    let mut tally = Tally::default();
    tally.count("formatting", format(workspace));
    tally.count("lints", lint(workspace));
    tally.count("documentation", document(workspace));
    tally.suite(
        "unit tests",
        workspace.cargo().args(["test", "--no-fail-fast"]),
    );
    oracles::ask(workspace, None, |judge, violation| {
        tally.judge(judge, violation);
    });
    tally.checks("documents", evidence::checks(workspace));
    tally.suite(
        "damage that the judges notice",
        workspace
            .cargo()
            .args(["test", "--package", "xtask", "--features", "boot"])
            .args(["--bin", "xtask", "damage"]),
    );
    match boot_tests(workspace) {
        Ok(mut command) => tally.suite("lab and demo tests", &mut command),
        Err(error) => tally.judge("the lab", Some(format!("{error:#}"))),
    }
    tally.checks("what a snapshot costs", costs(workspace));
    tally.count("fuzzing the driver", fuzzing::check(workspace));
    tally.count("fuzzing the decoders", decoders::check(workspace));
    let changed = read_text(&lock)? != committed;
    let violation = changed.then(|| "a build has changed it".to_owned());
    tally.judge("Cargo.lock stays as committed", violation);
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Tally {
    /// Counts a check, and tells what was found against it.
    fn judge(&mut self, rule: &str, violation: Option<String>) {
        match violation {
            None => self.passed += 1,
            Some(violation) => {
                self.failed += 1;
                println!("FAILED  {rule}: {violation}");
            }
        }
    }

    /// Counts checks, or says why `what` could not be checked.
    fn checks(&mut self, what: &str, checks: Result<Vec<Check>>) {
        match checks {
            Ok(checks) => {
                for check in checks {
                    self.judge(check.rule, check.violation);
                }
            }
            Err(error) => self.judge(what, Some(format!("{error:#}"))),
        }
    }

    /// Counts a step that either succeeds or says why it does not.
    fn count(&mut self, what: &str, outcome: Result<()>) {
        self.judge(what, outcome.err().map(|error| format!("{error:#}")));
    }

    /// Runs `cargo test`, and counts its tests; shows what it says if one of them fails.
    fn suite(&mut self, what: &str, command: &mut Command) {
        let outcome = step(what, |_| process::outcome(command, SUITE_LIMIT));
        match outcome {
            Ok((status, said)) => {
                let counted = self.add(&said.stdout);
                if !status.success() {
                    println!("{}\n{}", said.stderr.trim_end(), said.stdout.trim_end());
                }
                if !status.success() && counted.failed == 0 {
                    self.judge(what, Some("it ended before its tests".to_owned()));
                }
                println!(
                    "{what}: {} passed, {} failed",
                    counted.passed, counted.failed
                );
                for (what, sum) in survival::add_up(&said.stdout) {
                    println!("{what}: {sum}");
                    self.judge(what, sum.violation());
                }
            }
            Err(error) => self.judge(what, Some(format!("{error:#}"))),
        }
    }

    /// Adds up the closing lines of libtest: `test result: ok. 15 passed; 0 failed; ...`.
    fn add(&mut self, output: &str) -> Self {
        let mut counted = Self::default();
        for line in output.lines() {
            let Some((_, counts)) = line
                .strip_prefix("test result: ")
                .and_then(|result| result.split_once(". "))
            else {
                continue;
            };
            for count in counts.split("; ") {
                match count.split_once(' ') {
                    Some((number, "passed")) => counted.passed += number.parse().unwrap_or(0),
                    Some((number, "failed")) => counted.failed += number.parse().unwrap_or(0),
                    _ => {}
                }
            }
        }
        self.passed += counted.passed;
        self.failed += counted.failed;
        counted
    }
}

fn format(workspace: &Workspace) -> Result<()> {
    step("formatting", |_| {
        let mut cargo = workspace.cargo();
        process::run(cargo.args(["fmt", "--all", "--check"]), BUILD_LIMIT)?;
        // The members of the staged workspace that the committed one does not have.
        let mut rustfmt = workspace.tool("rustfmt");
        rustfmt.args(["--check", "--edition", "2024"]);
        for member in ["xtask/wdk/abi", "xtask/wine/supplement"] {
            rustfmt.arg(workspace.root().join(member).join("src/lib.rs"));
        }
        process::run(&mut rustfmt, BUILD_LIMIT)?;
        Ok(())
    })
}

/// Clippy with warnings denied, for each target that something is built for.
fn lint(workspace: &Workspace) -> Result<()> {
    const DENY: [&str; 3] = ["--", "--deny", "warnings"];
    step("clippy: host", |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["clippy", "--quiet", "--all-targets"]);
        cargo.args(["--features", "lab/boot,xtask/boot"]).args(DENY);
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    decoders::lint(workspace)?;
    step("clippy: client for Windows", |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["clippy", "--quiet"]);
        cargo.args(["--package", "client", "--package", "wine-requests"]);
        cargo.args(["--target", target::CLIENT]).args(DENY);
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    let cross_build = CrossBuild::prepare(workspace)?;
    step("clippy: driver", |_| cross_build.lint())?;
    LabDriver::lint(workspace)?;
    artifact::lint_kernel(workspace)?;
    svm::lint(workspace)
}

fn document(workspace: &Workspace) -> Result<()> {
    step("documentation: host", |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["doc", "--quiet", "--no-deps", "--document-private-items"]);
        cargo.env("RUSTDOCFLAGS", "--deny warnings");
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    let cross_build = CrossBuild::prepare(workspace)?;
    step("documentation: driver", |_| cross_build.document())
}

/// What a snapshot costs, against its limits and the baseline.
fn costs(workspace: &Workspace) -> Result<Vec<Check>> {
    let figures = bench::measure(workspace)?;
    let (checks, changes) = crate::bench::judge(&figures, &baseline::read(workspace)?);
    println!(
        "what a snapshot costs: {} of {} figures are not as in bench/baseline.json",
        changes.len(),
        figures.len()
    );
    for change in changes {
        println!("    {change}");
    }
    Ok(checks)
}

/// Tests that need the package, the lab kernel or both.
const BOOT_TESTS: [&str; 14] = [
    "access",
    "boot",
    "concurrency",
    "demo",
    "driver",
    "faults",
    "fuzz",
    "package",
    "processors",
    "promises",
    "report",
    "resources",
    "rules",
    "tampering",
];

/// The tests that boot the lab with the packaged driver, or run the demo.
fn boot_tests(workspace: &Workspace) -> Result<Command> {
    let certificate = Certificate::find(workspace, None)?;
    let package = distribution::default_folder(workspace);
    distribution::assemble(workspace, &certificate, &package)?;
    let kernel = artifact::build_kernel(workspace)?;
    let frames = LabDriver::Frames.build(workspace)?;
    let checked = artifact::build_checked_driver(workspace)?;
    let mut cargo = workspace.cargo();
    cargo
        .args(["test", "--no-fail-fast"])
        .args(["--package", "lab", "--package", "xtask"])
        .args(["--features", "lab/boot,xtask/boot"])
        .args(BOOT_TESTS.iter().flat_map(|name| ["--test", name]))
        .args(["--", "--show-output"])
        .env("LAB_KERNEL", kernel)
        .env("LAB_DRIVER", package.join("svmsave.sys"))
        .env("LAB_FRAMES", frames)
        .env("LAB_CHECKED_DRIVER", checked);
    Ok(cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut tally = Tally::default();
        let counted = tally.add(
            "test result: ok. 15 passed; 0 failed; 0 ignored; finished in 0.1s\n\
             test wrong ... FAILED\n\
             test result: FAILED. 2 passed; 3 failed; 0 ignored; finished in 0.1s\n",
        );
        assert_eq!((counted.passed, counted.failed), (17, 3));
        assert_eq!((tally.passed, tally.failed), (17, 3));
    }
}
