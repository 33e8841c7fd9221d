//! The commands of `cargo xtask`, one module each.

pub mod bench;
pub mod build;
pub mod clippy;
pub mod demo;
pub mod fuzz;
pub mod fuzz_decoders;
pub mod manual;
pub mod miri;
pub mod oracles;
pub mod package;
pub mod setup;
pub mod test;
