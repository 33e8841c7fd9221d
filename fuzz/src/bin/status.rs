//! Statuses, from the driver's reply to the table and to JSON.

#![no_main]

use fuzz::{Replays, run_client};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Some(device) = Replays::from_input(input) {
        run_client(&["status"], device);
        run_client(&["status", "--json"], device);
    }
});
