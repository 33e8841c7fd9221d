//! What a machine needs before anything can be built or run on it, and how it gets it.
//!
//! Callers ask for the part that they need: whoever boots the lab needs no Windows headers.

pub mod package;
pub mod python;
pub mod target;
pub mod toolchain;

use anyhow::{Result, bail};

use self::package::Package;
use self::toolchain::Toolchain;
use crate::workspace::Workspace;

/// Installs those of the packages and targets that are missing; quick when none is.
///
/// # Errors
///
/// If something is missing and can't be installed; the error says what to type.
pub fn ensure(workspace: &Workspace, packages: &[Package], targets: &[&str]) -> Result<()> {
    require_linux()?;
    package::ensure(packages)?;
    target::ensure(workspace, &Toolchain::locate(workspace)?, targets)
}

fn require_linux() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!(
            "the lab and the cross build are for Linux; on Windows, build the driver with \
             `cargo make`"
        );
    }
    Ok(())
}
