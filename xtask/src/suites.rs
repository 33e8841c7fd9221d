//! The test programs of the workspace: built once, and run one by one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::{Workspace, step};

use crate::fault_tally;
use crate::outcome::Outcome;

/// Features that build the tests which boot something. All programs are built with them, lest
/// their packages be built twice.
pub(crate) const FEATURES: &str = "lab/boot,oracles/boot,distribution/boot,xtask/boot";

/// The damage that judges have to notice, by the name of the modules with these tests.
pub(crate) const DAMAGE: &str = "damage";

/// Tests that only read files, by their modules in a program whose other tests boot.
pub(crate) const OF_FILES: [&str; 4] = ["evidence::", "layers::", "scripts::", "style::"];

/// Enough for any program on a slow machine; a lab that hangs ends much sooner by itself.
const SUITE_LIMIT: Duration = Duration::from_mins(15);

/// A program of tests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TestProgram {
    /// The package.
    pub package: String,
    /// The name of the library, program or integration test.
    pub target: String,
    /// Whether it is an integration test.
    pub integration: bool,
    /// The package's folder, in which tests run.
    folder: PathBuf,
    executable: PathBuf,
}

/// What was built.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// Programs of tests.
    pub tests: Vec<TestProgram>,
    /// The others, by name.
    pub programs: BTreeMap<String, PathBuf>,
}

/// Cargo for programs and tests at once, which are linted on the way.
pub(crate) fn cargo_for_tests(workspace: &Workspace) -> Command {
    let mut cargo = linting_cargo(workspace);
    share_with_tests(&mut cargo);
    cargo
}

/// Tests have to unwind: if programs did not, everything that they have in common with tests would be
/// compiled twice.
pub(crate) fn share_with_tests(cargo: &mut Command) {
    cargo.env("CARGO_PROFILE_DEV_PANIC", "unwind");
}

/// Cargo, with clippy in the compiler's place: what is built is linted on the way.
pub(crate) fn linting_cargo(workspace: &Workspace) -> Command {
    let mut cargo = workspace.cargo();
    cargo.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver");
    // As `cargo clippy -- --deny warnings` says it to the driver.
    cargo.env(
        "CLIPPY_ARGS",
        "--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__",
    );
    cargo
}

/// Lints and builds all test programs of the default members, and the programs that they run.
pub(crate) fn build(workspace: &Workspace) -> Result<Built> {
    let mut built = Built::default();
    step("test programs, with lints", |_| {
        let mut cargo = cargo_for_tests(workspace);
        // As `cargo test` does, with the programs too.
        cargo.args(["build", "--lib", "--bins", "--tests", "--examples"]);
        cargo.args(["--locked", "--features", FEATURES]);
        cargo.arg("--message-format=json-render-diagnostics");
        let said = process::run(&mut cargo, BUILD_LIMIT)?;
        for message in said.stdout.lines() {
            built.add(message)?;
        }
        Ok(())
    })?;
    Ok(built)
}

impl Built {
    /// Takes a message of cargo's, if it is about an executable.
    fn add(&mut self, message: &str) -> Result<()> {
        let message: Value = serde_json::from_str(message).context("a message of cargo's")?;
        let Some(executable) = message["executable"].as_str().map(PathBuf::from) else {
            return Ok(());
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let target = text(&message["target"]["name"]);
        if message["profile"]["test"] != true {
            self.programs.insert(target, executable);
            return Ok(());
        }
        let manifest = PathBuf::from(text(&message["manifest_path"]));
        let folder = manifest.parent().context("a manifest is in a folder")?;
        let kinds = message["target"]["kind"].as_array();
        self.tests.push(TestProgram {
            package: package_name(&text(&message["package_id"])),
            target,
            integration: kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "test")),
            folder: folder.to_owned(),
            executable,
        });
        Ok(())
    }

    /// A program that is no test.
    pub(crate) fn program(&self, name: &str) -> Result<Command> {
        let path = self.path(name);
        Ok(Command::new(
            path.with_context(|| format!("{name} was not built"))?,
        ))
    }

    /// Where a program is that is no test.
    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.programs.get(name).map(PathBuf::as_path)
    }
}

/// The package's name in its identifier: `path+file:///folder/name#0.1.0`, or, where folder and
/// package have different names, `path+file:///folder#name@0.1.0`.
fn package_name(id: &str) -> String {
    let (path, fragment) = id.rsplit_once('#').unwrap_or((id, ""));
    match fragment.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => path.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

impl TestProgram {
    /// The program with arguments for the test harness, in the folder that cargo runs it in.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command.args(arguments).current_dir(&self.folder);
        command.env("CARGO_MANIFEST_DIR", &self.folder);
        command
    }
}

/// Runs programs one after the other, and counts their tests; shows what those say that fail.
pub(crate) fn run(what: &str, commands: impl IntoIterator<Item = Command>) -> Outcome {
    let mut outcome = Outcome::default();
    let result = step(what, |_| {
        let mut survived = String::new();
        let mut programs = 0;
        for mut command in commands {
            programs += 1;
            run_one(what, &mut command, &mut outcome, &mut survived)?;
        }
        if programs == 0 {
            bail!("there is no such program");
        }
        Ok(survived)
    });
    match result {
        Ok(output) => {
            let (passed, failed) = (outcome.passed, outcome.failed);
            outcome.say(&format!("{what}: {passed} passed, {failed} failed"));
            for (kind, sum) in fault_tally::add_up(&output) {
                outcome.say(&format!("{what}: {kind}: {sum}"));
                outcome.judge(what, sum.violation());
            }
        }
        Err(error) => outcome.judge(what, Some(format!("{error:#}"))),
    }
    outcome
}

fn run_one(
    what: &str,
    command: &mut Command,
    outcome: &mut Outcome,
    survived: &mut String,
) -> Result<()> {
    let (status, said) = process::outcome(command, SUITE_LIMIT)?;
    let (passed, failed) = add_up(&said.stdout);
    outcome.passed += passed;
    outcome.failed += failed;
    if !status.success() {
        outcome.say(said.stderr.trim_end());
        outcome.say(said.stdout.trim_end());
        if failed == 0 {
            outcome.judge(what, Some(format!("it ended before its tests ({status})")));
        }
    }
    survived.push_str(&said.stdout);
    Ok(())
}

/// Counts what a program says of its checks, and shows those that failed and what has changed:
/// lines of `ok`, `FAILED` or `changed` with some words behind.
pub(crate) fn count_checks(what: &str, status: ExitStatus, stderr: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in stderr.lines() {
        match line.split_once(' ') {
            Some(("ok", _)) => outcome.passed += 1,
            Some(("FAILED", _)) => {
                outcome.failed += 1;
                outcome.say(line);
            }
            Some(("changed", _)) => outcome.say(line),
            _ => {}
        }
    }
    let (passed, failed) = (outcome.passed, outcome.failed);
    outcome.say(&format!("{what}: {passed} checks passed, {failed} failed"));
    if status.success() != (failed == 0) || passed + failed == 0 {
        let said = stderr.trim_end();
        outcome.judge(
            what,
            Some(format!("it ended otherwise ({status}):\n{said}")),
        );
    }
    outcome
}

/// Adds up the closing lines of libtest: `test result: ok. 15 passed; 0 failed; ...`.
fn add_up(output: &str) -> (u32, u32) {
    let (mut passed, mut failed) = (0, 0);
    for line in output.lines() {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|result| result.split_once(". "))
        else {
            continue;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
    (passed, failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let output = "test result: ok. 15 passed; 0 failed; 0 ignored; finished in 0.1s\n\
             test wrong ... FAILED\n\
             test result: FAILED. 2 passed; 3 failed; 0 ignored; finished in 0.1s\n";
        assert_eq!(add_up(output), (17, 3));
    }

    #[test]
    fn a_test_program_and_another_are_told_apart() {
        let mut built = Built::default();
        for message in [
            r#"{"reason":"compiler-artifact","executable":null}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///a/lab#0.1.0",
                "manifest_path":"/a/lab/Cargo.toml","target":{"kind":["test"],"name":"boot"},
                "profile":{"test":true},"executable":"/t/boot-1"}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///a/driver#svmsave@0.1.0",
                "manifest_path":"/a/driver/Cargo.toml","target":{"kind":["bin"],"name":"tool"},
                "profile":{"test":false},"executable":"/t/tool"}"#,
        ] {
            built.add(message).unwrap();
        }
        assert_eq!(
            built.tests,
            [TestProgram {
                package: "lab".to_owned(),
                target: "boot".to_owned(),
                integration: true,
                folder: "/a/lab".into(),
                executable: "/t/boot-1".into(),
            }]
        );
        assert!(built.program("tool").is_ok() && built.program("other").is_err());
        assert_eq!(
            package_name("path+file:///a/driver#svmsave@0.1.0"),
            "svmsave"
        );
    }

    #[test]
    fn checks_count_as_their_program_says_and_as_it_ends() {
        let (good, bad) = (ExitStatus::default(), ExitStatus::from_raw(1 << 8));
        let of = |status, said| {
            let outcome = count_checks("it", status, said);
            (outcome.passed, outcome.failed)
        };
        let said = "svmsave.sys ... done in 0.1 s\nok      one\nchanged a was 1\n";
        assert_eq!(of(good, said), (1, 0));
        assert_eq!(of(bad, "ok      one\nFAILED  two: 3\n"), (1, 1));
        for (status, said) in [(good, ""), (bad, said), (good, "FAILED  two: 3\n")] {
            assert!(of(status, said).1 > 0, "{said}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_or_fails_without_a_test_is_a_failure() {
        assert_eq!(run("nothing", []).failed, 1);
        assert_eq!(run("false", [Command::new("false")]).failed, 1);
        let mut passing = Command::new("echo");
        passing.arg("test result: ok. 2 passed; 0 failed; 0 ignored");
        let outcome = run("echo", [passing]);
        assert_eq!((outcome.passed, outcome.failed), (2, 0));
    }
}
