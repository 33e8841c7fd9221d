//! Drivers that only the lab loads.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use wdk_linux::host;
use wdk_linux::host::Toolchain;
use wdk_linux::host::Workspace;
use wdk_linux::host::step;
use wdk_linux::run_cargo;

use crate::needs;

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
    ///
    /// # Errors
    ///
    /// If it does not compile or link.
    pub fn build(self, workspace: &Workspace) -> Result<PathBuf> {
        let package = self.package();
        run(package, self, workspace, "build", &[])?;
        Ok(self.place(workspace))
    }

    /// Where the built driver is.
    #[must_use]
    pub fn place(self, workspace: &Workspace) -> PathBuf {
        let file = format!("release/{}.dll", self.package().replace('-', "_"));
        workspace.target().join(needs::DRIVER_TARGET).join(file)
    }

    /// Lints all of them.
    ///
    /// # Errors
    ///
    /// If clippy has a warning.
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
    host::ensure(workspace, &[], &[needs::DRIVER_TARGET])?;
    let toolchain = Toolchain::locate(workspace)?;
    step(what, |remarks| {
        let mut cargo: Command = workspace.cargo();
        cargo
            .args([subcommand, "--locked", "--release"])
            .args([
                "--package",
                driver.package(),
                "--target",
                needs::DRIVER_TARGET,
            ])
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
