//! `distribution`: makes, lists and has verified the driver package for Windows.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use distribution::{Certificate, listing};
use oracles::signatures;
use wdk_linux::host::{Workspace, step};

/// Make the signed driver package for Windows, list it, or have it verified
#[derive(Parser)]
#[command(bin_name = "cargo xtask package")]
struct Cli {
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

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Makes the package and says where it is, or prints what is found in it.
fn run(cli: &Cli) -> Result<()> {
    let workspace = Workspace::locate()?;
    let folder = match &cli.folder {
        Some(folder) => std::path::absolute(folder)?,
        None => distribution::default_folder(&workspace),
    };
    if cli.list {
        print!("{}", listing::of(&folder)?);
        return Ok(());
    }
    let certificate = Certificate::find(&workspace, cli.cert.as_deref())?;
    if cli.verify {
        let findings = step("verifying", |_| {
            signatures::verify(&workspace, &folder, certificate.file())
        })?;
        println!("{}", findings.join("\n"));
        return Ok(());
    }
    distribution::assemble(&workspace, &certificate, &folder)?;
    eprintln!("package: {}", folder.display());
    Ok(())
}
