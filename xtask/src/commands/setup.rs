//! `cargo xtask setup`: makes this machine able to build, run and test everything.

use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host;
use wdk_linux::host::Workspace;
use xtask::needs;

/// Install what the other commands need: Debian or Ubuntu packages and rustup targets
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Installs everything that is missing.
pub(crate) fn run(_: &Args, workspace: &Workspace) -> Result<ExitCode> {
    host::ensure(workspace, needs::ALL, needs::TARGETS)?;
    eprintln!("nothing is missing");
    Ok(ExitCode::SUCCESS)
}
