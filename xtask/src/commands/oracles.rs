//! `cargo xtask oracles`: asks judges that were written elsewhere.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;

use super::run_program;

/// Ask Microsoft's metadata, Linux' headers, Wine and others about what is written here
#[derive(clap::Args)]
pub struct Args {
    /// What the judges' program is asked: `--help` says what it takes
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    arguments: Vec<OsString>,
}

/// Builds the judges' program and hands over to it.
pub fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    run_program(workspace, "oracles", &args.arguments)
}
