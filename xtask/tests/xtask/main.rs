//! Tests of the commands and of files that only others run. Those that boot need the feature `boot`
//! and what `cargo xtask test` has built.

#[cfg(feature = "boot")]
mod demo;
mod layers;
#[cfg(feature = "boot")]
mod report;
mod scripts;
mod style;
#[cfg(feature = "boot")]
mod tampering;
