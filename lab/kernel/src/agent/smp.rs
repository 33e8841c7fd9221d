//! Work for several processors: at once, or one after another.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
pub fn run(jobs: Vec<(&'static Processor, Job)>) {
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

/// Runs jobs one after another, each as a thread of its processor and begun by the one before,
/// and waits for the last.
pub fn run_in_turn(jobs: Vec<(&'static Processor, Job)>) {
    let requester = processor::current();
    let finished = Arc::new(AtomicBool::new(false));
    let set_finished = finished.clone();
    let last: Job = Box::new(move || {
        set_finished.store(true, Ordering::SeqCst);
        apic::interrupt(requester, Vector::Wake);
    });
    let first = jobs.into_iter().rfold(last, |next, (target, job)| {
        Box::new(move || {
            let work = Box::new(move || {
                job();
                next();
            });
            idle::post(target, work);
        })
    });
    first();
    idle::run_until(|| finished.load(Ordering::SeqCst).then_some(()));
}
