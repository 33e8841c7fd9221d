//! `cargo xtask package`: makes the driver package for Windows, complete and signed.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::distribution::{self, listing};
use crate::workspace::Workspace;

/// Make the signed driver package for Windows
#[derive(clap::Args)]
pub struct Args {
    /// Print what is in the package that was made last, instead of making one
    #[arg(long, conflicts_with = "cert")]
    list: bool,

    /// Sign with the certificate and private key in this PEM file, not with a test certificate
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
}

/// Makes the package and says where it is, or lists it.
pub fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    if args.list {
        print!("{}", listing::of(&distribution::folder(workspace))?);
        return Ok(ExitCode::SUCCESS);
    }
    let folder = distribution::assemble(workspace, args.cert.as_deref())?;
    eprintln!("package: {}", folder.display());
    Ok(ExitCode::SUCCESS)
}
