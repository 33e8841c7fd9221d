//! `cargo xtask fuzz-driver`: random calls on the packaged driver, for as long as you like.

use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;
use xtask::lab_options;

use super::program;
use crate::harness;

/// Make random calls on the driver in the lab, and compare every answer with what is expected
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: lab_options::RandomCalls,
}

/// Builds what is missing, runs campaigns, and prints what they did or found.
pub(crate) fn run(_args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let mut harness = harness::build(workspace)?;
    harness.args(program::as_typed());
    program::hand_over(&mut harness)
}
