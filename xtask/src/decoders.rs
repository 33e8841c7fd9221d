//! The fuzz targets of `fuzz/`: built on the stable toolchain with LLVM's coverage counters, and
//! run by libFuzzer.
//!
//! `cargo fuzz` does the same with a sanitizer, for which it needs a nightly toolchain.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use wdk_linux::host;
use wdk_linux::host::Toolchain;
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use wdk_linux::host::step;
use xtask::needs;

use crate::suites;

/// The compiler's own instrumentation, which libFuzzer is guided by.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// What libFuzzer is written in: the library that every system has, by the name that needs no compiler
/// of C++ beside it.
const CPP_LIBRARY: &str = "dylib:+verbatim=libstdc++.so.6";

/// What the client is made of and no decoder calls, which is not worth optimising.
const NEVER_CALLED: [&str; 2] = ["clap_builder", "rustix"];

/// What tells the program which target to run.
const VARIABLE: &str = "FUZZ_TARGET";

/// As long as inputs get: a VMCB page. A reply with a few records is shorter.
const MAX_LENGTH: u32 = 4096;

/// No input of that length is worth more memory, in MiB. It is measured from outside, for the whole
/// process with its corpus; targets may count for themselves.
const MEMORY_LIMIT: u32 = 512;

/// No input of that length is worth more seconds.
const INPUT_SECONDS: u32 = 10;

/// How long a target may take beyond its time: an input that hangs is given up by libFuzzer.
const OVERTIME_LIMIT: Duration = Duration::from_mins(2);

/// How long the test runs each target.
const CHECK_TIME: Duration = Duration::from_secs(3);

/// A built fuzz target.
pub(crate) struct Target {
    /// Its name: that of its file.
    pub name: String,
    program: PathBuf,
    folder: PathBuf,
    seeds: PathBuf,
}

/// Builds all targets.
pub(crate) fn build(workspace: &Workspace) -> Result<Vec<Target>> {
    host::ensure(workspace, &[needs::LIBFUZZER], &[])?;
    let libfuzzer = needs::libfuzzer().context("libFuzzer is not installed")?;
    // Naming the target keeps the flags away from build scripts and macros.
    let toolchain = Toolchain::locate(workspace)?;
    let host = toolchain.host();
    step("fuzz targets, with lints", |_| {
        let mut cargo = suites::linting_cargo(workspace);
        // In the profile of the tests, whose build scripts and macros are there, and which has every
        // check that a release build would leave out; only faster.
        cargo
            .args(["build", "--locked", "--package", "fuzz"])
            .args(["--target", host])
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
            .env("CUSTOM_LIBFUZZER_PATH", libfuzzer)
            .env("CUSTOM_LIBFUZZER_STD_CXX", CPP_LIBRARY)
            .env("CARGO_PROFILE_DEV_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "3");
        for name in NEVER_CALLED {
            let setting = format!("profile.dev.package.{name}.opt-level=0");
            cargo.args(["--config", &setting]);
        }
        process::run(&mut cargo, BUILD_LIMIT)?;
        Ok(())
    })?;
    let program = workspace.target().join(host).join("debug/fuzz");
    let targets = names(&program)?.into_iter().map(|name| Target {
        program: program.clone(),
        folder: workspace.target().join("fuzz"),
        seeds: workspace.root().join("fuzz/seeds"),
        name,
    });
    Ok(targets.collect())
}

/// The names of the targets, as the program has them.
fn names(program: &Path) -> Result<Vec<String>> {
    let mut question = Command::new(program);
    question.env(VARIABLE, "list");
    let names = process::run(&mut question, QUERY_LIMIT)?.stdout;
    let names: Vec<String> = names.lines().map(str::to_owned).collect();
    ensure!(!names.is_empty(), "the fuzz program has no targets");
    Ok(names)
}

/// Runs each of the targets for a few seconds; prints what came of it.
pub(crate) fn check(targets: &[Target]) -> Result<()> {
    for target in targets {
        let closing = step(&format!("fuzzing {}", target.name), |_| {
            target.run(CHECK_TIME)
        })?;
        println!("fuzz target {}: {closing}", target.name);
    }
    Ok(())
}

impl Target {
    /// Runs the target for a time; returns libFuzzer's closing words. It begins with `fuzz/seeds`
    /// and with what it learnt before, which is kept below `target/`.
    pub(crate) fn run(&self, time: Duration) -> Result<String> {
        let corpus = self.folder.join("corpus").join(&self.name);
        let artifacts = self.folder.join("artifacts").join(&self.name);
        for folder in [&corpus, &artifacts] {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut artifact_prefix = OsString::from("-artifact_prefix=");
        artifact_prefix.push(artifacts.join(""));
        let mut command = Command::new(&self.program);
        command
            .env(VARIABLE, &self.name)
            .arg(format!("-max_total_time={}", time.as_secs().max(1)))
            .arg(format!("-max_len={MAX_LENGTH}"))
            .arg(format!("-rss_limit_mb={MEMORY_LIMIT}"))
            .arg(format!("-timeout={INPUT_SECONDS}"))
            .arg(artifact_prefix)
            .args([&corpus, &self.seeds]);
        let (status, said) = process::outcome(&mut command, time + OVERTIME_LIMIT)?;
        if !status.success() {
            bail!(
                "{} failed ({status}):\n{}",
                self.name,
                said.stderr.trim_end()
            );
        }
        let mut lines = said.stderr.lines();
        let closing = lines.rfind(|line| line.starts_with("Done "));
        let closing = closing.context("libFuzzer ended without a closing line")?;
        Ok(closing.to_owned())
    }
}
