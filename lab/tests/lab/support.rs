//! What all tests that boot need: the files, and a machine.

pub(crate) mod fault_tally;
pub(crate) mod image;
pub(crate) mod query;
pub(crate) mod unwind_tables;

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use lab::{Config, Error, Lab};

/// How long a test may take whose point is that it ends by itself: much longer than it does on a
/// busy machine.
pub(crate) const END_LIMIT: Duration = Duration::from_mins(1);

/// A file that `cargo xtask test` has built.
pub(crate) fn built(variable: &str) -> PathBuf {
    env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run cargo xtask test"))
        .into()
}

/// A machine with short time limits.
pub(crate) fn config(processors: u32) -> Config {
    Config {
        processors,
        timeout: Duration::from_secs(20),
        ..Config::default()
    }
}

/// The kernel's file.
pub(crate) fn kernel() -> PathBuf {
    built("LAB_KERNEL")
}

/// The driver's file.
pub(crate) fn driver() -> PathBuf {
    built("LAB_DRIVER")
}

/// Boots a machine.
pub(crate) fn try_boot(config: &Config) -> Result<Lab, Error> {
    Lab::boot(config, &kernel(), &driver())
}

/// Boots a machine, and fails the test if it doesn't come up.
pub(crate) fn boot(config: &Config) -> Lab {
    try_boot(config).unwrap_or_else(|error| panic!("{error}"))
}
