//! The fuzz targets of `fuzz/`: built on the stable toolchain with LLVM's coverage counters, and
//! run by libFuzzer.
//!
//! `cargo fuzz` does the same with a sanitizer, for which it needs a nightly toolchain.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::machine::toolchain::Toolchain;
use crate::machine::{self, package};
use crate::process::{self, BUILD_LIMIT, QUERY_LIMIT};
use crate::step::step;
use crate::workspace::Workspace;

/// The compiler's own instrumentation, which libFuzzer is guided by; and every check that a
/// release build would leave out.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions=on",
    "-Coverflow-checks=on",
];

/// As long as inputs get: a VMCB page. A reply with a few records is shorter.
const MAX_LENGTH: u32 = 4096;

/// No input of that length is worth more memory, in MiB. It is measured from outside, for the whole
/// process with its corpus; targets may count for themselves.
const MEMORY_LIMIT: u32 = 512;

/// No input of that length is worth more seconds.
const INPUT_SECONDS: u32 = 10;

/// How long a target may take beyond its time: an input that hangs is given up by libFuzzer.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long the test runs each target.
const CHECK_TIME: Duration = Duration::from_secs(5);

/// A built fuzz target.
pub struct Target {
    /// Its name: that of its file.
    pub name: String,
    program: PathBuf,
    folder: PathBuf,
    seeds: PathBuf,
}

/// Builds all targets.
pub fn build(workspace: &Workspace) -> Result<Vec<Target>> {
    machine::ensure(workspace, &[package::CPP_COMPILER], &[])?;
    let folder = workspace.target().join("fuzz");
    // Naming the target keeps the flags away from build scripts and macros.
    let toolchain = Toolchain::locate(workspace)?;
    let host = toolchain.host();
    step("fuzz targets", |_| {
        let mut cargo = workspace.cargo();
        cargo
            .args([
                "build",
                "--quiet",
                "--locked",
                "--release",
                "--package",
                "fuzz",
            ])
            .args(["--target", host, "--target-dir"])
            .arg(&folder)
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3");
        process::run(&mut cargo, BUILD_LIMIT)?;
        Ok(())
    })?;
    let targets = names(workspace)?.into_iter().map(|name| Target {
        program: folder.join(host).join("release").join(&name),
        folder: folder.clone(),
        seeds: workspace.root().join("fuzz/seeds"),
        name,
    });
    Ok(targets.collect())
}

/// The binaries of the package, one for each file.
fn names(workspace: &Workspace) -> Result<Vec<String>> {
    let manifest = workspace.root().join("fuzz/Cargo.toml");
    let mut question = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .cargo_command();
    let answer = process::run(&mut question, QUERY_LIMIT)?;
    let metadata = MetadataCommand::parse(answer.stdout)?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name == "fuzz");
    let targets = &package.context("the package fuzz")?.targets;
    let binaries = targets.iter().filter(|target| target.is_bin());
    Ok(binaries.map(|target| target.name.clone()).collect())
}

/// Lints the targets; cargo's default members leave them out.
pub fn lint(workspace: &Workspace) -> Result<()> {
    machine::ensure(workspace, &[package::CPP_COMPILER], &[])?;
    step("clippy: fuzz targets", |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["clippy", "--quiet", "--package", "fuzz"]);
        cargo.args(["--", "--deny", "warnings"]);
        process::run(&mut cargo, BUILD_LIMIT)?;
        Ok(())
    })
}

/// Runs every target for a few seconds; prints what came of it.
pub fn check(workspace: &Workspace) -> Result<()> {
    for target in build(workspace)? {
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
    pub fn run(&self, time: Duration) -> Result<String> {
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
            .arg(format!("-max_total_time={}", time.as_secs().max(1)))
            .arg(format!("-max_len={MAX_LENGTH}"))
            .arg(format!("-rss_limit_mb={MEMORY_LIMIT}"))
            .arg(format!("-timeout={INPUT_SECONDS}"))
            .arg(artifact_prefix)
            .args([&corpus, &self.seeds]);
        let (status, said) = process::outcome(&mut command, time + PATIENCE)?;
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
