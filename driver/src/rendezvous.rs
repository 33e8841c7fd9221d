//! How the thread that started work on many processors learns that the last of them is done.
//!
//! Nothing but counting, over a [`Signal`] and the crate's `atomic`: a model checker runs this
//! very source, with atomics of its own, through every order in which processors can meet.

use crate::atomic::{AtomicU32, Ordering};

/// What the last to arrive sets, and the waiting thread waits for.
pub(crate) trait Signal {
    /// Wakes the waiting thread, now or when it comes to wait.
    fn set(&self);
    /// Waits until it is set.
    fn wait(&self);
    /// Makes it unset, while nobody waits and nobody sets.
    fn clear(&self);
}

/// A count of those who have not arrived yet, and the signal that the last one sets.
pub(crate) struct Rendezvous<S> {
    pending: AtomicU32,
    all_arrived: S,
}

impl<S: Signal> Rendezvous<S> {
    /// Nobody is expected, and nobody waits.
    pub(crate) fn new(all_arrived: S) -> Self {
        Self {
            pending: AtomicU32::new(0),
            all_arrived,
        }
    }

    /// The signal that the last one sets.
    pub(crate) fn signal(&self) -> &S {
        &self.all_arrived
    }

    /// Starts anew, expecting `others` and the caller himself, who comes by [`Self::wait`].
    pub(crate) fn open(&self, others: u32) {
        self.all_arrived.clear();
        self.pending.store(others + 1, Ordering::Relaxed);
    }

    /// One of those expected is done. What it wrote is visible to the thread that waits.
    pub(crate) fn arrive(&self) {
        if self.leave() {
            self.all_arrived.set();
        }
    }

    /// Arrives and waits for all others.
    pub(crate) fn wait(&self) {
        if !self.leave() {
            self.all_arrived.wait();
        }
    }

    /// Takes one off the count, and says whether it was the last. Every decrement releases, and
    /// the last one acquires, what all the others wrote before theirs.
    fn leave(&self) -> bool {
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }
}
