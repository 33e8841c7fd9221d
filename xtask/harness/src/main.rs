//! Boots the lab with a driver that was built, and hands it to the client, or to random calls.
//! `cargo xtask demo`, `fuzz-driver` and `test` start it.

use std::ffi::OsString;
use std::io;
use std::iter;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use client::Terminal;
use harness::lab_device::{self, LabDevice};
use harness::random_calls::{self, Plan};
use lab::Config;
use wdk_linux::host::step;
use xtask::lab_options::{Demo, RandomCalls};

/// Drives a built svmsave.sys in the lab. Talk goes to stderr, results to stdout.
#[derive(Parser)]
#[command(name = "harness", version)]
struct Cli {
    /// The lab's kernel, an ELF file
    #[arg(long, value_name = "FILE")]
    kernel: PathBuf,

    /// The driver, svmsave.sys
    #[arg(long, value_name = "FILE")]
    driver: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the client against the driver: its output and its exit code are the program's
    Demo(Demo),
    /// Take a snapshot of two processors, have the client judge it, and unload the driver
    Snapshot,
    /// Make random calls, and compare every answer with what is expected
    FuzzDriver(RandomCalls),
    /// Make a million random calls from a fixed seed, after the kept campaigns
    FuzzDriverCheck,
}

fn main() -> ExitCode {
    run(&Cli::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Demo(args) => demo(cli, args),
        Command::Snapshot => snapshot(cli).map(|()| ExitCode::SUCCESS),
        Command::FuzzDriver(args) => random_calls(cli, &Plan::of(args)),
        Command::FuzzDriverCheck => random_calls(cli, &Plan::CHECK),
    }
}

fn demo(cli: &Cli, args: &Demo) -> Result<ExitCode> {
    let config = Config {
        processors: args.cpus,
        processor_model: args.cpu_model.clone(),
        qemu_arguments: args.qemu.clone(),
        ..Config::default()
    };
    let what = format!("booting {} processors, starting the driver", args.cpus);
    let booted = step(&what, |_| {
        lab_device::boot(&config, &cli.kernel, &cli.driver)
    });
    let (mut lab, modules) = booted?;
    let code = client::run(
        iter::once(OsString::from("client")).chain(args.client.iter().cloned()),
        || Ok(Box::new(LabDevice::open(&mut lab, &modules)?)),
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
        Terminal::of_stdout(),
    );
    lab.shutdown()?;
    Ok(ExitCode::from(code))
}

fn snapshot(cli: &Cli) -> Result<()> {
    let config = Config {
        processors: 2,
        ..Config::default()
    };
    let (mut lab, modules) = lab_device::boot(&config, &cli.kernel, &cli.driver)?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = client::run(
        ["client", "check"].map(Into::into),
        || Ok(Box::new(LabDevice::open(&mut lab, &modules)?)),
        &mut stdout,
        &mut stderr,
        Terminal::default(),
    );
    let found = String::from_utf8_lossy(&stdout);
    let said = String::from_utf8_lossy(&stderr);
    ensure!(code == 0, "the client ended with {code}: {said}{found}");
    let report = lab.unload()?;
    ensure!(report.is_clean(), "unloading left something: {report:?}");
    lab.shutdown()?;
    Ok(())
}

fn random_calls(cli: &Cli, plan: &Plan) -> Result<ExitCode> {
    let what = format!("random calls from seed {}", plan.seed);
    let summary = step(&what, |_| random_calls::run(plan, &cli.kernel, &cli.driver))?;
    print!("{summary}");
    Ok(ExitCode::SUCCESS)
}
