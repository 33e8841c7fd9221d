//! A latch: how the thread that started work on many processors learns that the last is done.

use crate::atomic::{AtomicU32, Ordering};

/// What the last processor to be done sets, and the thread waits for: a notification event.
pub trait Event {
    /// Wakes the waiting thread, now or when it comes to wait.
    fn set(&self);
    /// Waits until the event is set.
    fn wait(&self);
    /// Makes the event unset, while no thread waits for it and no processor sets it.
    fn clear(&self);
}

/// A count of those that are not done yet, the waiting thread among them, and the event that the
/// last one sets. It is used again and again, for one piece of work at a time.
pub struct Latch<E> {
    pending: AtomicU32,
    all_done: E,
}

impl<E: Event> Latch<E> {
    /// A latch that counts nothing yet.
    pub fn new(all_done: E) -> Self {
        Self {
            pending: AtomicU32::new(0),
            all_done,
        }
    }

    /// The event that the last one sets.
    pub fn event(&self) -> &E {
        &self.all_done
    }

    /// Starts anew with a count of `processors`, and of the calling thread, which counts itself
    /// down by [`Self::wait`].
    #[inline]
    pub fn reset(&self, processors: u32) {
        self.all_done.clear();
        self.pending.store(processors + 1, Ordering::Relaxed);
    }

    /// A processor is done. What it wrote is visible to the thread that waits.
    ///
    /// If it was the last, it uses the latch until this returns, and nothing else of the work.
    #[inline]
    pub fn count_down(&self) {
        if self.decrement() {
            self.all_done.set();
        }
    }

    /// Counts the calling thread down, and waits until all processors are done.
    #[inline]
    pub fn wait(&self) {
        if !self.decrement() {
            self.all_done.wait();
        }
    }

    /// Takes one off the count, and says whether it was the last. Every decrement releases, and
    /// the last one acquires, what all the others wrote before theirs.
    fn decrement(&self) -> bool {
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

#[cfg(test)]
mod tests {
    #![expect(unsafe_code, reason = "cells that the model checker watches")]

    use loom::cell::UnsafeCell;
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread::{self, JoinHandle};

    use super::*;
    use crate::Barrier;

    /// What the driver has a notification event for.
    #[derive(Default)]
    struct NotificationEvent {
        set: Mutex<bool>,
        changed: Condvar,
    }

    impl Event for NotificationEvent {
        fn set(&self) {
            *self.set.lock().unwrap() = true;
            self.changed.notify_all();
        }

        fn wait(&self) {
            let mut set = self.set.lock().unwrap();
            while !*set {
                set = self.changed.wait(set).unwrap();
            }
        }

        fn clear(&self) {
            *self.set.lock().unwrap() = false;
        }
    }

    const PROCESSORS: usize = 2;

    /// The latch, and what each processor writes for the thread to read. The model checker reports
    /// a cell that is read while it is written, or without an order between the two.
    struct Shared {
        latch: Latch<NotificationEvent>,
        records: [UnsafeCell<u32>; PROCESSORS],
    }

    impl Shared {
        fn new() -> Arc<Self> {
            let shared = Arc::new(Self {
                latch: Latch::new(NotificationEvent::default()),
                records: Default::default(),
            });
            assert!(!*shared.latch.event().set.lock().unwrap());
            shared
        }

        fn write(&self, processor: usize, record: u32) {
            self.records[processor].with_mut(|place| {
                // SAFETY: the model checker reports it if this is not the only access.
                unsafe { *place = record }
            });
        }

        fn read(&self, processor: usize) -> u32 {
            self.records[processor].with(|place| {
                // SAFETY: the model checker reports it if a processor can still write.
                unsafe { *place }
            })
        }
    }

    /// Does work on those processors that can be queued, and leaves their threads on their way
    /// out: the next piece of work may start before they are gone.
    fn work(shared: &Arc<Shared>, record: u32, queued: [bool; PROCESSORS]) -> Vec<JoinHandle<()>> {
        shared.latch.reset(2);
        let mut processors = Vec::new();
        for (number, queued) in queued.into_iter().enumerate() {
            if !queued {
                shared.latch.count_down();
                continue;
            }
            let shared = Arc::clone(shared);
            processors.push(thread::spawn(move || {
                shared.write(number, record);
                shared.latch.count_down();
            }));
        }
        shared.latch.wait();
        for (number, queued) in queued.into_iter().enumerate() {
            assert_eq!(shared.read(number) == record, queued);
        }
        processors
    }

    fn check(pieces: &'static [[bool; PROCESSORS]]) {
        loom::model(move || {
            let shared = Shared::new();
            let processors: Vec<_> = (1..)
                .zip(pieces)
                .flat_map(|(record, queued)| work(&shared, record, *queued))
                .collect();
            for processor in processors {
                processor.join().unwrap();
            }
        });
    }

    #[test]
    fn the_thread_sees_what_every_processor_wrote() {
        check(&[[true, true]]);
    }

    #[test]
    fn a_processor_that_could_not_be_queued_is_not_waited_for() {
        check(&[[true, false]]);
        check(&[[false, true]]);
        check(&[[false, false]]);
    }

    #[test]
    fn a_latch_that_is_used_again_starts_afresh() {
        check(&[[true, false], [false, true]]);
    }

    /// A barrier in the frame of the thread that waits at the latch, as a broadcast has it: when
    /// the thread goes on, the barrier is gone.
    #[expect(
        clippy::arc_with_non_send_sync,
        reason = "loom's cell reports the accesses that a lock would prevent, which is the point"
    )]
    #[test]
    fn the_barrier_is_not_used_once_the_latch_has_opened() {
        for withdraws in [false, true] {
            loom::model(move || {
                let latch = std::sync::Arc::new(Latch::new(NotificationEvent::default()));
                let barrier = std::sync::Arc::new(UnsafeCell::new(Barrier::new(2)));
                latch.reset(2);
                let processors = [false, withdraws].map(|withdraws| {
                    let (latch, barrier) = (latch.clone(), barrier.clone());
                    thread::spawn(move || {
                        barrier.with(|barrier| {
                            // SAFETY: the model checker reports it if the thread has gone on.
                            let barrier = unsafe { &*barrier };
                            if withdraws {
                                barrier.withdraw();
                            } else {
                                barrier.wait(|| 0, 0);
                            }
                        });
                        latch.count_down();
                    })
                });
                latch.wait();
                barrier.with_mut(|barrier| {
                    // SAFETY: the model checker reports it if a processor still uses it.
                    unsafe { *barrier = Barrier::new(0) };
                });
                for processor in processors {
                    processor.join().unwrap();
                }
            });
        }
    }
}
