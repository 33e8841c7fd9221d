//! `cargo xtask miri`: the unit tests of `amd-svm` under Miri.
//!
//! Not part of `cargo xtask test`: Miri comes with nightly toolchains only, and what this
//! repository is tested with is the pinned stable one.

use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::step;

/// Run amd-svm's unit tests under Miri, on rustup's nightly toolchain
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Inputs that each property test draws; Miri takes seconds for each
    #[arg(long, default_value_t = 2)]
    cases: u32,
}

/// Installs the toolchain if it is missing, and runs the tests.
pub(crate) fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    step("nightly toolchain with Miri", |_| {
        let mut rustup = workspace.tool("rustup");
        rustup.args(["toolchain", "install", "nightly", "--no-self-update"]);
        rustup.args(["--profile", "minimal", "--component", "miri,rust-src"]);
        process::run(&mut rustup, BUILD_LIMIT)
    })?;
    let said = step("amd-svm under Miri", |_| {
        // Cargo by way of rustup: the one that runs this is the pinned toolchain's.
        let mut rustup = workspace.tool("rustup");
        rustup.args(["run", "nightly", "cargo", "miri", "test"]);
        rustup.args(["--package", "amd-svm", "--lib", "--target-dir"]);
        rustup.arg(workspace.target().join("miri"));
        // Property tests look for the folder of their failures.
        rustup.env("MIRIFLAGS", "-Zmiri-disable-isolation");
        rustup.env("PROPTEST_CASES", args.cases.to_string());
        rustup.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        process::run(&mut rustup, BUILD_LIMIT)
    })?;
    for line in said.stdout.lines() {
        if line.starts_with("test result: ") {
            println!("{line}");
        }
    }
    Ok(ExitCode::SUCCESS)
}
