//! The lab kernel: an ELF file that QEMU boots.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::run_cargo;
use crate::machine::{self, target};
use crate::step::step;
use crate::workspace::Workspace;

/// QEMU loads the kernel where it was linked to; nothing relocates it.
const FLAGS: &[&str] = &["-Crelocation-model=static"];

/// Builds the lab kernel, optimised, and returns its place.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    machine::ensure(workspace, &[], &[target::KERNEL])?;
    step("lab kernel", |remarks| {
        run(&mut cargo(workspace, "build"), remarks)?;
        Ok(workspace
            .target()
            .join(target::KERNEL)
            .join("release/lab-kernel"))
    })
}

/// Lints the lab kernel.
pub fn lint(workspace: &Workspace) -> Result<()> {
    machine::ensure(workspace, &[], &[target::KERNEL])?;
    step("clippy: lab kernel", |remarks| {
        let mut cargo = cargo(workspace, "clippy");
        cargo.args(["--", "--deny", "warnings"]);
        run(&mut cargo, remarks)
    })
}

fn cargo(workspace: &Workspace, subcommand: &str) -> Command {
    let mut cargo = workspace.cargo();
    cargo
        .args([subcommand, "--quiet", "--locked", "--release"])
        .args(["--package", "lab-kernel", "--target", target::KERNEL])
        .arg("--target-dir")
        .arg(workspace.target());
    cargo
}

fn run(cargo: &mut Command, remarks: &mut String) -> Result<()> {
    let flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
    run_cargo(cargo, &flags, remarks)
}
