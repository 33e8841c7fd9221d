//! The commands of `cargo xtask`, one module each; those that are programs of their own share one.

pub mod build;
pub mod clippy;
pub mod demo;
pub mod elsewhere;
pub mod fuzz;
pub mod fuzz_driver;
pub mod manual;
pub mod miri;
pub mod program;
pub mod setup;
pub mod test;
