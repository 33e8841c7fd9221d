//! How long `cargo xtask demo` takes: with a target folder that has nothing in it, and again.

use std::fs;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::step;
use xtask::check::Check;

/// The most that a demo may take for which everything is built.
const WARM_LIMIT: Duration = Duration::from_secs(2);

/// How often it is run then: the fastest counts, the others were disturbed.
const WARM_RUNS: u32 = 5;

/// Times on this machine.
pub struct Times {
    /// Packages and targets are installed, crates are there; everything is compiled.
    pub cold: Duration,
    /// Everything is built.
    pub warm: Duration,
}

impl Times {
    /// Runs the demo in a target folder of its own.
    pub fn take(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target().join("bench-demo");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
        .with_context(|| format!("cannot empty {}", folder.display()))?;
        let demo = || {
            let mut cargo = workspace.cargo();
            cargo
                .args(["xtask", "demo"])
                .env("CARGO_TARGET_DIR", &folder);
            cargo
        };
        let cold = step("the demo, from nothing", |_| time(demo()))?;
        let warm = step("the demo, again", |_| {
            let times = (0..WARM_RUNS).map(|_| time(demo()));
            let times = times.collect::<Result<Vec<_>>>()?;
            times.into_iter().min().context("no runs")
        })?;
        Ok(Self { cold, warm })
    }

    /// Holds them against their limit.
    pub fn judge(&self) -> Check {
        Check::new(
            "a demo for which everything is built takes at most 2 s",
            self.warm <= WARM_LIMIT,
            format!("it takes {:.1} s", self.warm.as_secs_f32()),
        )
    }
}

fn time(mut command: Command) -> Result<Duration> {
    let started = Instant::now();
    process::run(&mut command, BUILD_LIMIT)?;
    Ok(started.elapsed())
}
