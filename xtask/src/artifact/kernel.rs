//! The lab kernel: an ELF file that QEMU boots.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use wdk_linux::host;
use wdk_linux::host::Workspace;
use wdk_linux::host::step;
use wdk_linux::run_cargo;

use crate::needs;

/// QEMU loads the kernel where it was linked to; nothing relocates it.
const FLAGS: &[&str] = &["-Crelocation-model=static"];

/// Builds the lab kernel, optimised, and returns its place.
///
/// # Errors
///
/// If it does not compile or link.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    host::ensure(workspace, &[], &[needs::KERNEL_TARGET])?;
    step("lab kernel", |remarks| {
        run(&mut cargo(workspace, "build"), remarks)?;
        Ok(place(workspace))
    })
}

/// Where the built kernel is.
#[must_use]
pub fn place(workspace: &Workspace) -> PathBuf {
    let folder = workspace.target().join(needs::KERNEL_TARGET);
    folder.join("release/lab-kernel")
}

/// Lints the lab kernel.
///
/// # Errors
///
/// If clippy has a warning.
pub fn lint(workspace: &Workspace) -> Result<()> {
    host::ensure(workspace, &[], &[needs::KERNEL_TARGET])?;
    step("clippy: lab kernel", |remarks| {
        let mut cargo = cargo(workspace, "clippy");
        cargo.args(["--", "--deny", "warnings"]);
        run(&mut cargo, remarks)
    })
}

fn cargo(workspace: &Workspace, subcommand: &str) -> Command {
    let mut cargo = workspace.cargo();
    cargo
        .args([subcommand, "--locked", "--release"])
        .args(["--package", "lab-kernel", "--target", needs::KERNEL_TARGET])
        .arg("--target-dir")
        .arg(workspace.target())
        // A debugger has nothing to look at: what the lab tells of a fault, it tells by symbols.
        .env("CARGO_PROFILE_RELEASE_DEBUG", "none");
    cargo
}

fn run(cargo: &mut Command, remarks: &mut String) -> Result<()> {
    let flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
    run_cargo(cargo, &flags, remarks)
}
