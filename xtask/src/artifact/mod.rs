//! What the repository makes: the driver package (driver, client, INF) and the lab kernel.

mod client;
mod driver;
mod inf;
mod kernel;
mod lab_driver;

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

pub use self::client::build_program;
pub use self::driver::CrossBuild;
pub use self::inf::{Document as Inf, driver_version};
pub use self::kernel::{build as build_kernel, lint as lint_kernel};
pub use self::lab_driver::LabDriver;
use crate::image::{identity, rules};
use crate::machine::{self, package, target};
use crate::process::{self, BUILD_LIMIT};
use crate::step::step;
use crate::workspace::{Workspace, write_if_changed};

/// How the driver is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// With checks, for debugging.
    Dev,
    /// As it is shipped.
    Release,
}

/// The finished driver package.
pub struct Package {
    /// Holds the files below, and the driver's `svmsave.pdb`.
    pub folder: PathBuf,
    /// `svmsave.sys`.
    pub driver: PathBuf,
    /// `svmsave.inf`.
    pub inf: PathBuf,
    /// `client.exe`.
    pub client: PathBuf,
}

/// Builds the driver package; what is up to date is not built again.
pub fn build_package(workspace: &Workspace, profile: Profile) -> Result<Package> {
    machine::ensure(
        workspace,
        package::PACKAGE,
        &[target::DRIVER, target::CLIENT],
    )?;
    let cross_build = CrossBuild::prepare(workspace)?;
    let folder = workspace.package();
    let package = Package {
        driver: folder.join("svmsave.sys"),
        inf: folder.join("svmsave.inf"),
        client: folder.join("client.exe"),
        folder,
    };
    build_driver(&cross_build, profile, &package.driver)?;
    step("client.exe", |remarks| {
        let built = client::build(workspace, remarks)?;
        write_if_changed(&package.client, read(&built)?)
    })?;
    step("svmsave.inf", |_| {
        write_if_changed(&package.inf, inf::stamped(workspace)?)
    })?;
    Ok(package)
}

/// Builds the driver with checks, apart from the package; returns where it is.
pub fn build_checked_driver(workspace: &Workspace) -> Result<PathBuf> {
    let cross_build = CrossBuild::prepare(workspace)?;
    let driver = workspace.target().join("checked").join("svmsave.sys");
    build_driver(&cross_build, Profile::Dev, &driver)?;
    Ok(driver)
}

/// Builds `svmsave.sys`, and `svmsave.pdb` beside it.
fn build_driver(cross_build: &CrossBuild, profile: Profile, driver: &Path) -> Result<()> {
    let what = match profile {
        Profile::Dev => "svmsave.sys with checks",
        Profile::Release => "svmsave.sys",
    };
    step(what, |remarks| {
        let mut built = cross_build.build(profile, remarks)?;
        identity::make_reproducible(&mut built.image, &mut built.debug_info)?;
        rules::require(&built.image, profile)?;
        write_if_changed(driver, built.image)?;
        write_if_changed(&driver.with_extension("pdb"), built.debug_info)
    })
}

/// Runs cargo with warnings kept for the end of the step. `flags` are all that the compiler gets:
/// what a developer has in the environment must not get into the artifacts.
fn run_cargo(cargo: &mut Command, flags: &[String], remarks: &mut String) -> Result<()> {
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    if io::stderr().is_terminal() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    let said = process::run(cargo, BUILD_LIMIT)?;
    remarks.push_str(&said.stderr);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Keeps the places of this machine out of the compiled code.
fn remap(from: &Path, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.display())
}
