//! Drivers that only the lab loads.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::run_cargo;
use crate::machine::toolchain::Toolchain;
use crate::machine::{self, target};
use crate::step::step;
use crate::workspace::Workspace;

/// A driver of the lab's own.
#[derive(Clone, Copy)]
pub enum LabDriver {
    /// `lab/frames`, for the tests of the unwinder.
    Frames,
}

impl LabDriver {
    const ALL: [Self; 1] = [Self::Frames];

    const fn package(self) -> &'static str {
        match self {
            Self::Frames => "lab-frames",
        }
    }

    /// Builds it, and returns its place.
    pub fn build(self, workspace: &Workspace) -> Result<PathBuf> {
        let package = self.package();
        run(package, self, workspace, "build", &[])?;
        let file = format!("release/{}.dll", package.replace('-', "_"));
        Ok(workspace.target().join(target::DRIVER).join(file))
    }

    /// Lints all of them.
    pub fn lint(workspace: &Workspace) -> Result<()> {
        let deny = ["--", "--deny", "warnings"];
        for driver in Self::ALL {
            let what = format!("clippy: {}", driver.package());
            run(&what, driver, workspace, "clippy", &deny)?;
        }
        Ok(())
    }
}

fn run(
    what: &str,
    driver: LabDriver,
    workspace: &Workspace,
    subcommand: &str,
    arguments: &[&str],
) -> Result<()> {
    machine::ensure(workspace, &[], &[target::DRIVER])?;
    let toolchain = Toolchain::locate(workspace)?;
    step(what, |remarks| {
        let mut cargo: Command = workspace.cargo();
        cargo
            .args([subcommand, "--quiet", "--locked", "--release"])
            .args(["--package", driver.package(), "--target", target::DRIVER])
            .arg("--target-dir")
            .arg(workspace.target())
            .args(arguments)
            .env(
                "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_LINKER",
                toolchain.linker(),
            );
        run_cargo(&mut cargo, &[], remarks)
    })
}
