//! The program that drives the lab: built, and started on what was built for it.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Result, anyhow};
use wdk_linux::host;
use wdk_linux::host::Workspace;
use xtask::artifact::{self, Profile};
use xtask::needs;

use crate::commands::program;

/// The package and its program.
pub(crate) const NAME: &str = "harness";

/// Names the program where it is built already: tests of the commands have it with what they are made
/// of themselves.
pub(crate) const VARIABLE: &str = "SVMSAVE_HARNESS";

/// What the lab boots.
pub(crate) struct Parts {
    /// The packaged driver.
    pub driver: PathBuf,
    /// The lab's kernel.
    pub kernel: PathBuf,
}

impl Parts {
    /// Builds the driver and the lab's kernel; what is up to date is not built again.
    pub(crate) fn build(workspace: &Workspace) -> Result<Self> {
        Ok(Self {
            driver: artifact::build_driver(workspace, Profile::Release)?,
            kernel: artifact::build_kernel(workspace)?,
        })
    }

    /// Tells the program about them.
    pub(crate) fn name_to(&self, harness: &mut Command) {
        harness.arg("--driver").arg(&self.driver);
        harness.arg("--kernel").arg(&self.kernel);
    }
}

/// Builds the driver, the lab's kernel and the program side by side, and returns the program with
/// the others named to it. The program needs neither targets nor packages, the kernel no packages, and
/// they are compiled while those are installed; they give way to what takes longest, the packages and
/// then the driver.
pub(crate) fn build(workspace: &Workspace) -> Result<Command> {
    let giving_way = workspace.giving_way();
    thread::scope(|scope| {
        let program = scope.spawn(|| match env::var_os(VARIABLE) {
            Some(built) => Ok(PathBuf::from(built)),
            None => program::build(&giving_way, NAME),
        });
        // At once for both: rustup does one thing at a time.
        let targets = [needs::DRIVER_TARGET, needs::KERNEL_TARGET];
        host::ensure(workspace, &[], &targets)?;
        let kernel = scope.spawn(|| artifact::build_kernel(&giving_way));
        let driver = host::ensure(workspace, needs::DEMO, &[])
            .and_then(|()| artifact::build_driver(workspace, Profile::Release));
        let early = |_| anyhow!("a thread ended early");
        let kernel = kernel.join().map_err(early)?;
        let program = program.join().map_err(early)?;
        let mut harness = Command::new(program?);
        let parts = Parts {
            driver: driver?,
            kernel: kernel?,
        };
        parts.name_to(&mut harness);
        Ok(harness)
    })
}
