//! The machine that builds: what has to be installed on it, how programs are run on it, and what it
//! tells of them.
//!
//! Callers ask for the part that they need: what boots a driver needs no Windows headers.

pub mod package;
pub mod process;
mod step;
pub mod target;
mod toolchain;
pub mod workspace;

use anyhow::{Result, bail};

use self::package::Package;
pub use self::step::step;
pub use self::toolchain::Toolchain;
pub use self::workspace::Workspace;

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
