//! Commands that are programs of their own, which `cargo xtask` need not be compiled with.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result};
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::{Workspace, step};

use crate::suites;

/// What the program is asked.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments of the program: `--help` says what it takes
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    arguments: Vec<OsString>,
}

/// Builds a program of the workspace that is named like its package, and runs it in this one's
/// place: its output and its exit code are the command's.
pub(crate) fn run(args: &Args, workspace: &Workspace, name: &str) -> Result<ExitCode> {
    let program = build(workspace, name)?;
    hand_over(Command::new(program).args(&args.arguments))
}

/// Builds a program of the workspace that is named like its package.
pub(crate) fn build(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    step(&format!("building {name}"), |_| {
        let mut cargo = workspace.cargo();
        suites::share_with_tests(&mut cargo);
        cargo.args(["build", "--locked", "--package", name, "--bin", name]);
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    Ok(workspace.target().join("debug").join(name))
}

/// The command line of `cargo xtask` as it was typed.
pub(crate) fn as_typed() -> impl Iterator<Item = OsString> {
    env::args_os().skip(1)
}

/// Runs a program in this one's place: its exit code is the command's.
pub(crate) fn hand_over(program: &mut Command) -> Result<ExitCode> {
    let status = program.status();
    let name = program.get_program().display();
    let status = status.with_context(|| format!("cannot start {name}"))?;
    Ok(code_of(status))
}

/// The exit code of what ran in this program's place, as its own.
pub(crate) fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
