//! `cargo xtask setup`: makes this machine able to build, run and test everything.

use std::process::ExitCode;

use anyhow::Result;

use crate::machine::{self, package, target};
use crate::workspace::Workspace;

/// Install what the other commands need: Debian or Ubuntu packages and rustup targets
#[derive(clap::Args)]
pub struct Args {}

/// Installs everything that is missing.
pub fn run(_: &Args, workspace: &Workspace) -> Result<ExitCode> {
    machine::ensure(workspace, package::ALL, target::ALL)?;
    eprintln!("nothing is missing");
    Ok(ExitCode::SUCCESS)
}
