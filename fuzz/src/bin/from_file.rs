//! Commands that print what a file has, from its bytes to what a terminal shows.

#![no_main]

use fuzz::run_client_on;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| run_client_on(
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
    ]
));
