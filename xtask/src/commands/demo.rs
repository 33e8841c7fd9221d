//! `cargo xtask demo`: the driver at work, on a machine with nothing but QEMU.

use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;
use xtask::lab_options;

use super::elsewhere::Elsewhere;
use super::program;
use crate::harness;

/// Boot the lab, start the driver, and run the client against it
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    options: lab_options::Demo,

    #[command(flatten)]
    elsewhere: Elsewhere,
}

/// Builds what is missing, boots, loads, and hands over to the client: its output and its exit
/// code are the command's.
pub(crate) fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    if let Some(outcome) = args.elsewhere.run(workspace) {
        return outcome;
    }
    let mut harness = harness::build(workspace)?;
    harness.args(program::as_typed());
    program::hand_over(&mut harness)
}
