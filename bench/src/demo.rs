//! How long `cargo xtask demo` takes: with a target folder that has nothing in it, and again.

use std::fs;
use std::io;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::step;
use wdk_linux::host::workspace::read_text;
use xtask::check::Check;

use crate::committed;

/// Keeps the committed times.
const FILE: &str = "demo.json";

/// The most that a demo may take for which everything is built, in milliseconds.
const WARM_LIMIT: u64 = 1500;

/// How often it is run then: the fastest counts, the others were disturbed.
const WARM_RUNS: u32 = 5;

/// Times, and the machine that they are of.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Times {
    /// What the system calls itself.
    pub system: String,
    /// How many processors it has.
    pub processors: u64,
    /// Packages and targets are installed, crates are there; everything is compiled.
    pub cold_milliseconds: u64,
    /// Everything is built.
    pub warm_milliseconds: u64,
}

impl Times {
    /// Runs the demo in a target folder of its own.
    ///
    /// # Errors
    ///
    /// If a demo fails.
    pub(crate) fn take(workspace: &Workspace) -> Result<Self> {
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
        Ok(Self {
            system: system()?,
            processors: thread::available_parallelism()?.get().try_into()?,
            cold_milliseconds: cold.as_millis().try_into()?,
            warm_milliseconds: warm.as_millis().try_into()?,
        })
    }

    /// The committed times.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        committed::read(workspace, FILE)
    }

    /// Makes them the committed ones.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub(crate) fn write(&self, workspace: &Workspace) -> Result<()> {
        committed::write(workspace, FILE, self)
    }

    /// Holds them against their limit.
    pub(crate) fn judge(&self) -> Check {
        let warm = self.warm_milliseconds;
        Check::new(
            "a demo for which everything is built takes at most 1.5 s",
            warm <= WARM_LIMIT,
            format!("it takes {warm} ms"),
        )
    }
}

/// What the system calls itself, with its version.
fn system() -> Result<String> {
    let release = read_text("/etc/os-release".as_ref())?;
    let name = pretty_name(&release).context("/etc/os-release has no PRETTY_NAME")?;
    Ok(name.to_owned())
}

fn pretty_name(release: &str) -> Option<&str> {
    let mut lines = release.lines();
    let name = lines.find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"'))
}

fn time(mut command: Command) -> Result<Duration> {
    let started = Instant::now();
    process::run(&mut command, BUILD_LIMIT)?;
    Ok(started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_named_without_quotes() {
        let release = "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n";
        assert_eq!(pretty_name(release), Some("Debian GNU/Linux 13 (trixie)"));
        assert_eq!(pretty_name("NAME=Debian\n"), None);
    }

    #[test]
    fn a_demo_that_takes_too_long_fails_its_check() {
        let mut times = Times {
            system: String::new(),
            processors: 2,
            cold_milliseconds: 300_000,
            warm_milliseconds: WARM_LIMIT,
        };
        assert_eq!(times.judge().violation, None);
        times.warm_milliseconds += 1;
        assert_eq!(times.judge().violation.as_deref(), Some("it takes 1501 ms"));
    }
}
