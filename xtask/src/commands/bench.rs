//! `cargo xtask bench`: what a snapshot costs, beside the committed figures.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;

use super::run_program;

/// Count the instructions of a snapshot in the lab, and compare them with the baseline
#[derive(clap::Args)]
pub struct Args {
    /// What the bench's program is asked: `--help` says what it takes
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    arguments: Vec<OsString>,
}

/// Builds the bench's program and hands over to it.
pub fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    run_program(workspace, "bench", &args.arguments)
}
