//! `cargo xtask fuzz-driver`: random calls on the packaged driver, for as long as you like.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use wdk_linux::host;
use wdk_linux::host::Workspace;
use wdk_linux::host::step;
use xtask::artifact::{self, Profile};
use xtask::needs;

use crate::fuzzing::{self, Plan};

/// Make random calls on the driver in the lab, and compare every answer with what is expected
#[derive(clap::Args)]
pub struct Args {
    /// Requests to make at least
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    requests: u64,

    /// Time to take at least, such as 10m
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    time: Option<Duration>,

    /// Seed of the first campaign, random otherwise; the kept campaigns are left out
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Logical processors of the lab
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        value_parser = clap::value_parser!(u32).range(1..=255)
    )]
    processors: u32,
}

/// Builds what is missing, runs campaigns, and prints what they did or found.
pub fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    host::ensure(
        workspace,
        needs::DEMO,
        &[needs::DRIVER_TARGET, needs::KERNEL_TARGET],
    )?;
    let driver = artifact::build_driver(workspace, Profile::Release)?;
    let kernel = artifact::build_kernel(workspace)?;
    let plan = Plan {
        seed: args.seed.unwrap_or_else(|| fastrand::u32(..).into()),
        processors: args.processors,
        kept: args.seed.is_none(),
        requests: args.requests,
        time: args.time.unwrap_or_default(),
    };
    let what = format!("fuzzing from seed {}", plan.seed);
    let summary = step(&what, |_| fuzzing::run(&plan, &kernel, &driver))?;
    print!("{summary}");
    Ok(ExitCode::SUCCESS)
}
