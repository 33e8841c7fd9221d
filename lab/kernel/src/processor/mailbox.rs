//! Work that waits for a processor.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use crate::base::lock::Lock;

/// Work for a processor.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Work that waits for a processor, first in, first out.
pub(crate) struct Mailbox(Lock<VecDeque<Job>>);

impl Mailbox {
    /// An empty mailbox.
    pub(crate) const fn new() -> Self {
        Self(Lock::new(VecDeque::new()))
    }

    /// Adds work.
    pub(crate) fn post(&self, job: Job) {
        self.0.lock().push_back(job);
    }

    /// Takes the work that has waited longest.
    pub(crate) fn take(&self) -> Option<Job> {
        self.0.lock().pop_front()
    }
}
