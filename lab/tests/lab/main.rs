//! The lab and the driver in it: everything that boots QEMU.
//!
//! The files that the tests boot come from `cargo xtask test`, by environment variables; see
//! [`support`].

mod support;

mod access;
mod boot;
mod concurrency;
mod conformance;
mod driver;
mod faults;
mod fuzz;
mod minimal_driver;
mod processors;
mod resources;
mod rules;
