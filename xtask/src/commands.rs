//! The commands of `cargo xtask`, one module each.

pub mod bench;
pub mod build;
pub mod clippy;
pub mod demo;
pub mod elsewhere;
pub mod fuzz;
pub mod fuzz_driver;
pub mod manual;
pub mod miri;
pub mod oracles;
pub mod package;
pub mod setup;
pub mod test;

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::{Workspace, step};

/// Builds a program of the workspace that is named like its package, and runs it in this one's
/// place: its output and its exit code are the command's.
fn run_program(workspace: &Workspace, name: &str, arguments: &[OsString]) -> Result<ExitCode> {
    step(&format!("building {name}"), |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--locked", "--package", name, "--bin", name]);
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    let program = workspace.target().join("debug").join(name);
    let status = Command::new(&program)
        .args(arguments)
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
