//! A barrier that processors wait at for each other, but not for long.

use crate::atomic::{AtomicU32, Ordering};
use crate::hint;

/// A count of the processors that have not come yet. It is used once.
///
/// It brings what the processors do next close together in time, and that is all: it orders no
/// memory, and a processor that has waited for the limit goes on alone.
pub struct Barrier {
    missing: AtomicU32,
}

impl Barrier {
    /// A barrier at which `expected` processors are to come, or to withdraw.
    #[must_use]
    pub fn new(expected: u32) -> Self {
        Self {
            missing: AtomicU32::new(expected),
        }
    }

    /// One of the expected processors is not going to come: the others do not wait for it.
    #[inline]
    pub fn withdraw(&self) {
        self.missing.fetch_sub(1, Ordering::Relaxed);
    }

    /// One of the expected processors has come. It spins until the others have come or withdrawn,
    /// or until `now` has advanced by `spin_limit`, and returns whether all are there.
    ///
    /// `now` reads a clock that counts up and may wrap; `spin_limit` has its unit. A processor that
    /// is the last to come does not read it.
    #[inline]
    pub fn wait(&self, now: impl Fn() -> u64, spin_limit: u64) -> bool {
        if self.missing.fetch_sub(1, Ordering::Relaxed) == 1 {
            return true;
        }
        let came = now();
        while !self.is_complete() {
            if now().wrapping_sub(came) >= spin_limit {
                return false;
            }
            hint::spin_loop();
        }
        true
    }

    fn is_complete(&self) -> bool {
        self.missing.load(Ordering::Relaxed) == 0
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};

    use loom::thread;

    use super::Barrier;

    /// A clock that stands still: no limit is reached.
    fn stopped() -> u64 {
        0
    }

    /// A clock that goes on by one with each reading, and wraps, so that a spin limit is a number
    /// of turns.
    struct Turns(Cell<u64>);

    impl Turns {
        fn new() -> Self {
            Self(Cell::new(u64::MAX))
        }

        fn now(&self) -> u64 {
            self.0.replace(self.0.get().wrapping_add(1))
        }
    }

    /// Processors that come, and a barrier for them and those that withdraw. One that the barrier
    /// lets go on finds that all others came before.
    ///
    /// The count of those who came is not the model's: threads of the model run one at a time, so
    /// it says in which order they did.
    fn check(come: u32, withdraw: u32, wait: fn(&Barrier) -> bool) {
        loom::model(move || {
            let barrier = Arc::new(Barrier::new(come + withdraw));
            let arrived = Arc::new(AtomicU32::new(0));
            let come_and_wait = {
                let (barrier, arrived) = (Arc::clone(&barrier), Arc::clone(&arrived));
                move || {
                    arrived.fetch_add(1, Ordering::SeqCst);
                    assert!(!wait(&barrier) || arrived.load(Ordering::SeqCst) == come + withdraw);
                }
            };
            let others: Vec<_> = (1..come)
                .map(|_| thread::spawn(come_and_wait.clone()))
                .collect();
            let withdrawn: Vec<_> = (0..withdraw)
                .map(|_| {
                    let (barrier, arrived) = (Arc::clone(&barrier), Arc::clone(&arrived));
                    thread::spawn(move || {
                        arrived.fetch_add(1, Ordering::SeqCst);
                        barrier.withdraw();
                    })
                })
                .collect();
            come_and_wait();
            for thread in others.into_iter().chain(withdrawn) {
                thread.join().unwrap();
            }
        });
    }

    /// Waits for as long as it takes.
    fn wait(barrier: &Barrier) -> bool {
        let complete = barrier.wait(stopped, 1);
        assert!(complete);
        complete
    }

    /// Waits for a turn or two.
    fn wait_briefly(barrier: &Barrier) -> bool {
        let turns = Turns::new();
        barrier.wait(|| turns.now(), 2)
    }

    #[test]
    fn no_processor_goes_on_before_the_others_have_come() {
        check(1, 0, wait);
        check(2, 0, wait);
        check(3, 0, wait_briefly);
    }

    #[test]
    fn a_processor_that_withdraws_is_not_waited_for() {
        check(1, 1, wait);
        check(1, 2, wait);
        check(2, 1, wait_briefly);
    }

    #[test]
    fn a_processor_that_does_not_come_is_waited_for_until_the_limit() {
        for spin_limit in [0, 1, 5] {
            loom::model(move || {
                let barrier = Barrier::new(2);
                let turns = Turns::new();
                assert!(!barrier.wait(|| turns.now(), spin_limit));
                // One reading when it came, and one for each turn.
                let read = turns.0.get().wrapping_add(1);
                assert_eq!(read, 1 + spin_limit.max(1));
            });
        }
    }

    #[test]
    fn a_processor_that_comes_late_goes_on_whether_it_was_waited_for_or_not() {
        let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&outcomes);
        loom::model(move || {
            let barrier = Arc::new(Barrier::new(2));
            let wait = |barrier: &Barrier| {
                let turns = Turns::new();
                barrier.wait(|| turns.now(), 1)
            };
            let other = Arc::clone(&barrier);
            let other = thread::spawn(move || wait(&other));
            let this = wait(&barrier);
            seen.lock().unwrap().insert((this, other.join().unwrap()));
        });
        // The one that comes last finds the other there, which has waited long enough or not.
        let all = [(false, true), (true, false), (true, true)];
        assert_eq!(*outcomes.lock().unwrap(), all.into());
    }
}
