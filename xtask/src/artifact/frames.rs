//! A driver of faulting frames, for the tests of the lab's unwinder.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::run_cargo;
use crate::machine::toolchain::Toolchain;
use crate::machine::{self, target};
use crate::step::step;
use crate::workspace::Workspace;

/// Builds it, and returns its place.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    run("faulting frames", workspace, "build", &[])?;
    Ok(workspace
        .target()
        .join(target::DRIVER)
        .join("release/lab_frames.dll"))
}

/// Lints it.
pub fn lint(workspace: &Workspace) -> Result<()> {
    let deny = ["--", "--deny", "warnings"];
    run("clippy: faulting frames", workspace, "clippy", &deny)
}

fn run(what: &str, workspace: &Workspace, subcommand: &str, arguments: &[&str]) -> Result<()> {
    machine::ensure(workspace, &[], &[target::DRIVER])?;
    let toolchain = Toolchain::locate(workspace)?;
    step(what, |remarks| {
        let mut cargo: Command = workspace.cargo();
        cargo
            .args([subcommand, "--quiet", "--locked", "--release"])
            .args(["--package", "lab-frames", "--target", target::DRIVER])
            .arg("--target-dir")
            .arg(workspace.target())
            .args(arguments)
            .env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER",
                toolchain.linker(),
            );
        run_cargo(&mut cargo, &[], remarks)
    })
}
