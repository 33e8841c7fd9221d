//! `cargo xtask package`: makes the driver package for Windows, complete and signed.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::distribution::{self, Certificate, listing, verification};
use crate::step::step;
use crate::workspace::Workspace;

/// Make the signed driver package for Windows, list it, or have it verified
#[derive(clap::Args)]
pub struct Args {
    /// Print what is in the package, instead of making it
    #[arg(long, conflicts_with = "verify")]
    list: bool,

    /// Have the signatures and the catalog verified, instead of making the package
    #[arg(long)]
    verify: bool,

    /// Use the certificate and private key in this PEM file, not a test certificate
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    cert: Option<PathBuf>,

    /// Where the package is (default: `target/svmsave_package`)
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Makes the package and says where it is, or prints what is found in it.
pub fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let folder = match &args.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => distribution::default_folder(workspace),
    };
    if args.list {
        print!("{}", listing::of(&folder)?);
        return Ok(ExitCode::SUCCESS);
    }
    let certificate = Certificate::find(workspace, args.cert.as_deref())?;
    if args.verify {
        let findings = step("verifying", |_| {
            verification::verify(workspace, &folder, &certificate)
        })?;
        println!("{}", findings.join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    distribution::assemble(workspace, &certificate, &folder)?;
    eprintln!("package: {}", folder.display());
    Ok(ExitCode::SUCCESS)
}
