//! Fuzz targets for every decoder, in one program: the environment variable `FUZZ_TARGET` names the
//! one that libFuzzer runs.
//!
//! What the targets share is in [`program`] and [`memory`], which are ways to the client's program and a
//! measure of memory, and in [`damage`] and [`dumps`]: texts and pages that are cut off, broken or changed.

#![no_main]

mod damage;
mod dumps;
mod memory;
mod program;
mod targets;

use std::env;
use std::process;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use crate::targets::{TARGETS, Target};

/// What names the target.
const VARIABLE: &str = "FUZZ_TARGET";

/// The value that has the program print the targets' names instead of running one.
const LIST: &str = "list";

static CHOSEN: OnceLock<Target> = OnceLock::new();

/// Finds the target, or ends the program if there is none of that name.
fn choose() {
    let name = env::var(VARIABLE).unwrap_or_default();
    if name == LIST {
        for target in TARGETS {
            println!("{}", target.name);
        }
        process::exit(0);
    }
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        eprintln!("{VARIABLE} has to name a target: {VARIABLE}={LIST} prints their names");
        process::exit(2);
    };
    CHOSEN.get_or_init(|| *target);
}

fuzz_target!(
    init: choose(),
    |bytes: &[u8]| {
        if let Some(target) = CHOSEN.get() {
            (target.run)(bytes);
        }
    }
);
