//! `wdk-linux`: builds a Windows driver on windows-drivers-rs on Linux.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use wdk_linux::host::workspace::write_if_changed;
use wdk_linux::host::{Workspace, step};
use wdk_linux::needs::TARGET;
use wdk_linux::{CrossBuild, Sources};

/// Builds a Windows driver on windows-drivers-rs without Windows. Messages go to stderr, the place
/// of the driver to stdout.
#[derive(Parser)]
#[command(name = "wdk-linux", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build a driver, and print where its .sys file is
    Build(Args),
    /// Run clippy on a driver
    Clippy(Args),
}

#[derive(clap::Args)]
struct Args {
    /// The driver's Cargo.toml
    #[arg(long, value_name = "PATH", default_value = "Cargo.toml")]
    manifest_path: PathBuf,

    /// Build it optimised
    #[arg(long)]
    release: bool,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Build(args) => build(&args),
        Command::Clippy(args) => lint(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn build(args: &Args) -> Result<()> {
    let (workspace, cross_build, name) = prepare(&args.manifest_path)?;
    let profile = if args.release { "release" } else { "debug" };
    let folder = workspace.target().join(TARGET).join(profile);
    let driver = folder.join(format!("{}.sys", name.replace('-', "_")));
    step(&name, |remarks| {
        let built = cross_build.build(&name, args.release, remarks)?;
        write_if_changed(&driver, built.image)?;
        write_if_changed(&driver.with_extension("pdb"), built.debug_info)
    })?;
    let here = env::current_dir()?;
    println!("{}", driver.strip_prefix(here).unwrap_or(&driver).display());
    Ok(())
}

fn lint(args: &Args) -> Result<()> {
    let (_, cross_build, name) = prepare(&args.manifest_path)?;
    step(&format!("clippy: {name}"), |remarks| {
        let mut cargo = cross_build.cargo("clippy");
        cargo.args(["--package", &name]);
        if args.release {
            cargo.arg("--release");
        }
        cross_build.run(&mut cargo, remarks)
    })
}

/// The driver's workspace, what builds it, and its package's name.
fn prepare(manifest: &Path) -> Result<(Workspace, CrossBuild, String)> {
    ensure!(
        manifest.is_file(),
        "there is no {}: --manifest-path takes the Cargo.toml of the driver",
        manifest.display()
    );
    let manifest = std::path::absolute(manifest)?;
    let workspace = Workspace::of_manifest(&manifest)?;
    let sources = Sources::of_driver(&workspace, &manifest)?;
    let same = |path: &Path| path.canonicalize().ok() == manifest.canonicalize().ok();
    let mut packages = workspace.packages().iter();
    let package = packages.find(|package| same(package.manifest_path.as_std_path()));
    let name = package.context("a manifest of a package")?.name.to_string();
    Ok((workspace.clone(), CrossBuild::prepare(sources)?, name))
}
