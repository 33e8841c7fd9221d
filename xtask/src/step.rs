//! What a command tells on stderr: one line for each step, with the time that it took.

use std::time::Instant;

use anyhow::Result;

/// Announces `what`, does it, and completes the line with the time. What `work` leaves in the
/// string, a compiler's warnings for instance, follows on lines of its own.
pub fn step<T>(what: &str, work: impl FnOnce(&mut String) -> Result<T>) -> Result<T> {
    eprint!("{what} ... ");
    let started = Instant::now();
    let mut remarks = String::new();
    let result = work(&mut remarks);
    let outcome = if result.is_ok() { "done" } else { "failed" };
    eprintln!("{outcome} in {:.1} s", started.elapsed().as_secs_f32());
    if !remarks.trim().is_empty() {
        eprintln!("{}", remarks.trim_end());
    }
    result
}
