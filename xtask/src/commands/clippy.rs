//! `cargo xtask clippy`: lints what plain `cargo clippy` can't build.

use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;
use xtask::artifact::driver;

use crate::lints;

/// Run clippy on the driver and the lab kernel, warnings being errors
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Lints both; the first that has warnings fails the command.
pub(crate) fn run(_: &Args, workspace: &Workspace) -> Result<ExitCode> {
    driver::lint(&driver::prepare(workspace)?)?;
    lints::bare_metal(workspace)?;
    Ok(ExitCode::SUCCESS)
}
