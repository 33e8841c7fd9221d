//! Options of the commands that drive the lab. `cargo xtask` explains and checks them, and hands them
//! on as they were typed to the program that drives it, which reads them again.

use std::ffi::OsString;
use std::time::Duration;

/// What is booted, and what the client is asked.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Logical processors of the lab
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u32).range(1..=255)
    )]
    pub cpus: u32,

    /// Processor model of QEMU, with its flags: `max,-svm`, `Skylake-Server`
    #[arg(long, value_name = "M", default_value = "max")]
    pub cpu_model: String,

    /// One more argument for QEMU; may be repeated
    #[arg(
        long = "qemu-arg",
        id = "qemu-arg",
        value_name = "A",
        allow_hyphen_values = true
    )]
    pub qemu: Vec<OsString>,

    /// Arguments for the client, such as `show --json`
    #[arg(last = true, value_name = "CLIENT ARGS")]
    pub client: Vec<OsString>,
}

/// How many random calls are made, and of which.
#[derive(Debug, clap::Args)]
pub struct RandomCalls {
    /// Requests to make at least
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub requests: u64,

    /// Time to take at least, such as 10m
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub time: Option<Duration>,

    /// Seed of the first campaign, random otherwise; the kept campaigns are left out
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Logical processors of the lab
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        value_parser = clap::value_parser!(u32).range(1..=255)
    )]
    pub processors: u32,
}
