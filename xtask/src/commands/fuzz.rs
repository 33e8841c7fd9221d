//! `cargo xtask fuzz`: the fuzz targets of everything that reads bytes.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use wdk_linux::host::Workspace;
use wdk_linux::host::step;

use crate::decoders;

/// Run the fuzz targets of the client and the protocol, guided by coverage
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Time for each target, such as 10m
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    time: Duration,

    /// The targets to run; all of them otherwise
    targets: Vec<String>,
}

/// Builds all targets, runs those that were asked for, and stops at the first failure.
pub(crate) fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let targets = decoders::build(workspace)?;
    let known = |name: &String| targets.iter().any(|target| target.name == *name);
    if let Some(unknown) = args.targets.iter().find(|name| !known(name)) {
        bail!("there is no fuzz target {unknown}");
    }
    for target in &targets {
        if args.targets.is_empty() || args.targets.contains(&target.name) {
            let closing = step(&format!("fuzzing {}", target.name), |_| {
                target.run(args.time)
            })?;
            println!("{:<16}{closing}", target.name);
        }
    }
    Ok(ExitCode::SUCCESS)
}
