//! Work for several processors: at once, or one after another.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::processor::apic::{self, Vector};
use crate::processor::idle::{self, Job};
use crate::processor::{self, Processor};

/// What the processors share.
struct Gathering {
    /// Processors that have not reached the start line.
    missing: AtomicUsize,
    /// Processors that still work.
    working: AtomicUsize,
}

impl Gathering {
    fn take_part(&self, job: Job) {
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
    let home = processor::current();
    let gathering = Arc::new(Gathering {
        missing: AtomicUsize::new(jobs.len()),
        working: AtomicUsize::new(jobs.len()),
    });
    let mut own = None;
    for (target, job) in jobs {
        if target.index == home.index {
            own = Some(job);
            continue;
        }
        let gathering = gathering.clone();
        let there = Box::new(move || {
            gathering.take_part(job);
            apic::interrupt(home, Vector::Wake);
        });
        idle::post(target, there);
    }
    if let Some(job) = own {
        idle::run_thread(home, || gathering.take_part(job));
    }
    idle::wait_until(|| (gathering.working.load(Ordering::SeqCst) == 0).then_some(()));
}

/// Runs jobs one after another, each as a thread of its processor and begun by the one before,
/// and waits for the last.
pub fn relay(jobs: Vec<(&'static Processor, Job)>) {
    let home = processor::current();
    let finished = Arc::new(AtomicBool::new(false));
    let arrival = finished.clone();
    let last: Job = Box::new(move || {
        arrival.store(true, Ordering::SeqCst);
        apic::interrupt(home, Vector::Wake);
    });
    let first = jobs.into_iter().rfold(last, |next, (target, job)| {
        Box::new(move || {
            let leg = Box::new(move || {
                job();
                next();
            });
            idle::post(target, leg);
        })
    });
    first();
    idle::run_until(|| finished.load(Ordering::SeqCst).then_some(()));
}
