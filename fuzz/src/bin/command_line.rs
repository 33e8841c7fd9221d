//! The command line, selections of processors among it: words, a zero byte between two.

#![no_main]

use fuzz::{Replays, run_client};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let arguments: Vec<&str> = text.split('\0').collect();
    if let Some(device) = Replays::from_input(&[0; 64]) {
        run_client(&arguments, device);
    }
});
