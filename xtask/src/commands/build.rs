//! `cargo xtask build`: makes the driver package and the lab kernel.

use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;
use xtask::artifact::{self, Profile};

/// Build svmsave.sys, client.exe, svmsave.inf and the lab kernel
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build the driver optimised, as it is shipped
    #[arg(long)]
    release: bool,
}

/// Builds everything and says where it is.
pub(crate) fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let profile = if args.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    let package = artifact::build_package(workspace, profile)?;
    let kernel = artifact::build_kernel(workspace)?;
    eprintln!("package: {}", package.folder.display());
    eprintln!("lab kernel: {}", kernel.display());
    Ok(ExitCode::SUCCESS)
}
