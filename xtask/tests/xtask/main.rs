//! Tests of the commands and of files that only others run. Those that boot need the feature `boot`
//! and what `cargo xtask test` has built.

#[cfg(feature = "boot")]
mod demo;
mod evidence;
mod layers;
mod packages;
#[cfg(feature = "boot")]
mod report;
mod scripts;
#[cfg(feature = "boot")]
mod selftest;
mod style;
#[cfg(feature = "boot")]
mod tampering;
