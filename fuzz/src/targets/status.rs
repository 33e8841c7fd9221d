//! Statuses, from the driver's reply to the table and to JSON.

use crate::program::{Replays, run_client};

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    if let Some(device) = Replays::from_input(input) {
        run_client(&["status"], device);
        run_client(&["status", "--json"], device);
    }
}
