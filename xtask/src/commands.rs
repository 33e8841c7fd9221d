//! The commands of `cargo xtask`, one module each; those that are programs of their own share one.

pub(crate) mod build;
pub(crate) mod clippy;
pub(crate) mod demo;
pub(crate) mod elsewhere;
pub(crate) mod fuzz;
pub(crate) mod fuzz_driver;
pub(crate) mod manual;
pub(crate) mod miri;
pub(crate) mod program;
pub(crate) mod setup;
pub(crate) mod test;
