//! `cargo xtask manual`: what a package of the client has beside the program.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

/// Write the client's manual pages and shell completions to target/manual
#[derive(clap::Args)]
pub struct Args {}

/// Writes everything and says what.
pub fn run(_: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let folder = workspace.target().join("manual");
    let written = client::generate(&folder)
        .with_context(|| format!("cannot write to {}", folder.display()))?;
    for path in written {
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
