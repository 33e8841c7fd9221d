//! A driver that reads one register of the processor that its caller runs on, for each
//! request: what `rdmsr`, chipsec and PCM have, for `cargo xtask bench` to measure beside
//! svmsave.
//!
//! Its caller names the register. That is what svmsave never lets a caller do, and why this
//! driver is for the lab: nothing packages it.

#![cfg_attr(windows, no_std)]

#[cfg(windows)]
mod driver;
mod requests;

pub use requests::*;
