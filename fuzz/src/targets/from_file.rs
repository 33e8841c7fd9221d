//! Commands that print what a file has, from its bytes to what a terminal shows.

use crate::program::run_client_on;

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    run_client_on(
        bytes,
        &[
            &["show", "--from"],
            &["show", "--json", "--from"],
            &["show", "--json", "--full", "--from"],
            &["show", "--csv", "--from"],
            &["show", "--group-by", "value", "--from"],
            &["status", "--from"],
            &["check", "--from"],
            &["check", "--json", "--from"],
            &["decode"],
            &["decode", "--json"],
            &["decode", "--vmrun"],
            &["show", "--field", "exit_code", "--from"],
            &["selftest", "--compare"],
        ],
    );
}
