//! `cargo xtask`: what a contributor does with this repository, one command each.
//!
//! A command is a module in [`commands`] with its `Args` and a `run`; the other modules are what
//! commands are made of and print nothing but their steps.

mod chroot;
mod commands;
mod decoders;
mod doc_references;
mod fault_tally;
mod harness;
mod lints;
mod outcome;
mod outside_package;
mod quick;
mod record;
mod schedule;
mod suites;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use wdk_linux::host::Workspace;

/// Builds, shows and tests svmsave on Linux. Talk goes to stderr, results to stdout.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count the instructions of a snapshot in the lab, and compare them with the baseline
    Bench(commands::program::Args),
    Miri(commands::miri::Args),
    Setup(commands::setup::Args),
    Build(commands::build::Args),
    Clippy(commands::clippy::Args),
    Demo(commands::demo::Args),
    Fuzz(commands::fuzz::Args),
    FuzzDriver(commands::fuzz_driver::Args),
    /// Ask Microsoft's metadata, Linux' headers, Wine and others about what is written here
    Oracles(commands::program::Args),
    Manual(commands::manual::Args),
    /// Make the signed driver package for Windows, list it, or have it verified
    Package(commands::program::Args),
    Test(commands::test::Args),
}

fn main() -> ExitCode {
    run(Cli::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(cli: Cli) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    match cli.command {
        Command::Bench(args) => commands::program::run(&args, &workspace, "bench"),
        Command::Miri(args) => commands::miri::run(&args, &workspace),
        Command::Setup(args) => commands::setup::run(&args, &workspace),
        Command::Build(args) => commands::build::run(&args, &workspace),
        Command::Clippy(args) => commands::clippy::run(&args, &workspace),
        Command::Demo(args) => commands::demo::run(&args, &workspace),
        Command::Fuzz(args) => commands::fuzz::run(&args, &workspace),
        Command::FuzzDriver(args) => commands::fuzz_driver::run(&args, &workspace),
        Command::Oracles(args) => commands::program::run(&args, &workspace, "oracles"),
        Command::Manual(args) => commands::manual::run(&args, &workspace),
        Command::Package(args) => commands::program::run(&args, &workspace, "distribution"),
        Command::Test(args) => commands::test::run(&args, &workspace),
    }
}
