//! What a processor does when it has nothing to do: wait for work.
//!
//! There is no scheduler. A thread is a piece of work that a processor takes
//! from its mailbox and runs to its end; while it waits, so does its processor.

use core::sync::atomic::Ordering;

use x86_64::instructions::interrupts;

use super::activity::Kind;
use super::apic::{self, Vector};
use super::mailbox::Job;
use super::{Processor, count_one, current, translations};

/// Gives work to a processor.
pub(crate) fn post(processor: &Processor, job: Job) {
    processor.mailbox.post(job);
    apic::interrupt(processor, Vector::Wake);
}

/// Stops this processor until an interrupt has been taken.
///
/// Called with interrupts disabled, so that nothing that was checked before can
/// change unnoticed; returns with interrupts enabled.
pub(crate) fn halt(here: &Processor) {
    here.running.store(false, Ordering::SeqCst);
    interrupts::enable_and_hlt();
    here.running.store(true, Ordering::SeqCst);
    translations::catch_up(here);
}

/// Waits, with interrupts enabled, until `ready` gives something.
pub(crate) fn wait_until<R>(mut ready: impl FnMut() -> Option<R>) -> R {
    let here = current();
    loop {
        interrupts::disable();
        if let Some(result) = ready() {
            interrupts::enable();
            return result;
        }
        halt(here);
    }
}

/// Runs one piece of work as a thread of this processor.
pub(crate) fn run_thread(here: &Processor, job: impl FnOnce()) {
    count_one(&here.counters.threads);
    let _activity = here.activity.enter(Kind::Thread, 0, 0);
    job();
}

/// Runs whatever work comes, for ever.
pub(crate) fn run() -> ! {
    let here = current();
    loop {
        let job = wait_until(|| here.mailbox.take());
        run_thread(here, job);
    }
}
