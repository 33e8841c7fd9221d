//! `cargo xtask clippy`: lints what plain `cargo clippy` can't build.

use std::process::ExitCode;

use anyhow::Result;

use crate::artifact::{self, CrossBuild, LabDriver};
use crate::step::step;
use crate::workspace::Workspace;

/// Run clippy on the driver and the lab kernel, warnings being errors
#[derive(clap::Args)]
pub struct Args {}

/// Lints both; the first that has warnings fails the command.
pub fn run(_: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let cross_build = CrossBuild::prepare(workspace)?;
    step("clippy: driver", |_| cross_build.lint())?;
    LabDriver::lint(workspace)?;
    artifact::lint_kernel(workspace)?;
    Ok(ExitCode::SUCCESS)
}
