//! The command line, selections of processors among it: words, a zero byte between two. Commands
//! that write files or wait for Ctrl-C are left out.

#![no_main]

use fuzz::{Replays, run_client};
use libfuzzer_sys::fuzz_target;

const LEFT_OUT: [&str; 3] = ["save", "report", "watch"];

fuzz_target!(|text: &str| {
    let arguments: Vec<&str> = text.split('\0').collect();
    if arguments.iter().any(|word| LEFT_OUT.contains(word)) {
        return;
    }
    if let Some(device) = Replays::from_input(&[0; 64]) {
        run_client(&arguments, device);
    }
});
