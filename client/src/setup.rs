//! Installs and removes the driver: what is asked of the machine, what is in the way, which steps are
//! taken in which order, and how each of them is undone.
//!
//! All of it is plain code over the [`Machine`] trait. Windows is one implementation of it, a machine
//! in the tests another, on which every step can be made to fail.

mod boot_configuration;
pub(crate) mod failure;
mod home;
pub(crate) mod image_path;
mod install;
pub(crate) mod machine;
mod options;
mod package;
mod plan;
mod processor;
mod record;
mod refusal;
pub(crate) mod security;
mod test_signing;
#[cfg(test)]
mod tests;
mod uninstall;
#[cfg(windows)]
pub(crate) mod windows;

pub(crate) use self::install::install;
pub(crate) use self::options::Options;
pub(crate) use self::refusal::Refusal;
pub(crate) use self::uninstall::uninstall;

use self::failure::Failure;
use self::machine::Machine;
use crate::model::DeviceError;

/// The service, and the name that the files of a package begin with.
const NAME: &str = "svmsave";

/// The machine that this runs on.
///
/// # Errors
///
/// [`DeviceError::NotWindows`] everywhere but on Windows.
#[cfg_attr(
    windows,
    expect(clippy::unnecessary_wraps, reason = "there is one on Windows alone")
)]
pub(crate) fn this_machine() -> Result<Box<dyn Machine>, DeviceError> {
    #[cfg(windows)]
    return Ok(Box::new(windows::ThisMachine::new()));
    #[cfg(not(windows))]
    Err(DeviceError::NotWindows)
}

/// Why nothing was done, or not all of it.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Something is in the way. Nothing was changed.
    Refused(Vec<Refusal>),
    /// A step failed: what happened, a line each.
    Failed(Vec<String>),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(vec![failure.to_string()])
    }
}
