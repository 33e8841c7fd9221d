//! What the repository makes: the driver package (driver, client, INF) and the lab kernel.

mod client;
pub mod driver;
mod kernel;
mod lab_driver;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wdk_linux::host::workspace::write_if_changed;
use wdk_linux::host::{self, Workspace, step};

pub use self::client::build_program;
pub use self::kernel::{build as build_kernel, lint as lint_kernel, place as kernel_place};
pub use self::lab_driver::LabDriver;
use crate::{inf, needs};

/// How the driver is built.
#[derive(Clone, Copy, Eq, PartialEq)]
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
///
/// # Errors
///
/// If something can't be installed or does not compile.
pub fn build_package(workspace: &Workspace, profile: Profile) -> Result<Package> {
    let folder = package_folder(workspace);
    let package = Package {
        driver: build_driver(workspace, profile)?,
        inf: folder.join("svmsave.inf"),
        client: folder.join("client.exe"),
        folder,
    };
    host::ensure(workspace, needs::CLIENT, &[needs::CLIENT_TARGET])?;
    step("client.exe", |remarks| {
        let built = client::build(workspace, remarks)?;
        write_if_changed(&package.client, read(&built)?)
    })?;
    step("svmsave.inf", |_| {
        write_if_changed(&package.inf, inf::stamped(workspace)?)
    })?;
    Ok(package)
}

/// The folder of the finished driver package.
#[must_use]
pub fn package_folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("package")
}

/// Builds the package's driver alone, which is all that the lab needs; returns where it is.
///
/// # Errors
///
/// If something can't be installed or does not compile.
pub fn build_driver(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let driver = package_folder(workspace).join("svmsave.sys");
    driver::build(&driver::prepare(workspace)?, profile, &driver)?;
    Ok(driver)
}

/// Builds the driver with checks, apart from the package; returns where it is.
///
/// # Errors
///
/// If something can't be installed or does not compile.
pub fn build_checked_driver(workspace: &Workspace) -> Result<PathBuf> {
    let driver = workspace.target().join("checked").join("svmsave.sys");
    driver::build(&driver::prepare(workspace)?, Profile::Dev, &driver)?;
    Ok(driver)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
