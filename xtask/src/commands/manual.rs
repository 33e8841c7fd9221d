//! `cargo xtask manual`: what a package of the client has beside the program.

use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::step;

/// Write the client's manual pages and shell completions to target/manual
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Writes everything and says what.
pub(crate) fn run(_: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let said = step("manual pages and completions", |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["run", "--locked", "--package", "client"]);
        cargo.args(["--features", "generate", "--example", "manual", "--"]);
        cargo.arg(workspace.target().join("manual"));
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    print!("{}", said.stdout);
    Ok(ExitCode::SUCCESS)
}
