//! Work for several processors at once.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::processor::apic::{self, Vector};
use crate::processor::mailbox::Job;
use crate::processor::{self, Processor, idle};

/// What the processors share: they begin together, and are waited for.
struct Barrier {
    /// Processors that have not reached the barrier.
    missing: AtomicUsize,
    /// Processors that still work.
    working: AtomicUsize,
}

impl Barrier {
    fn run(&self, job: Job) {
        self.missing.fetch_sub(1, Ordering::SeqCst);
        while self.missing.load(Ordering::SeqCst) > 0 {
            hint::spin_loop();
        }
        job();
        self.working.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs one job on each of some processors as a thread there, all released
/// together, and waits for all of them.
pub(super) fn run(jobs: Vec<(&'static Processor, Job)>) {
    let requester = processor::current();
    let barrier = Arc::new(Barrier {
        missing: AtomicUsize::new(jobs.len()),
        working: AtomicUsize::new(jobs.len()),
    });
    let mut own = None;
    for (target, job) in jobs {
        if target.index == requester.index {
            own = Some(job);
            continue;
        }
        let barrier = barrier.clone();
        let work = Box::new(move || {
            barrier.run(job);
            apic::interrupt(requester, Vector::Wake);
        });
        idle::post(target, work);
    }
    if let Some(job) = own {
        idle::run_thread(requester, || barrier.run(job));
    }
    idle::wait_until(|| (barrier.working.load(Ordering::SeqCst) == 0).then_some(()));
}
