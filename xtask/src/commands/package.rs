//! `cargo xtask package`: makes the driver package for Windows, complete and signed.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;

use super::run_program;

/// Make the signed driver package for Windows, list it, or have it verified
#[derive(clap::Args)]
pub struct Args {
    /// What the package's program is asked: `--help` says what it takes
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    arguments: Vec<OsString>,
}

/// Builds the package's program and hands over to it.
pub fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    run_program(workspace, "distribution", &args.arguments)
}
