//! The same work on every processor at once: one DPC for each processor, and a record from each.
//!
//! The DPCs queue one another, as a tree over the processors' indexes: the thread queues the first,
//! and each queues its [`children`] before it does its own work. So the thread queues one DPC
//! however many processors there are.

#![expect(
    unsafe_code,
    reason = "processors write to one buffer, each to its own place in it"
)]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use protocol::{ProcessorId, Record, SnapshotRecord, StatusRecord};
use svmsave_sync::{Barrier, Latch, children};
use wdk_sys::{KDPC, PVOID};

use crate::processor::capture;
use crate::processor::context::ProcessorContext;
use crate::wdm::event::NotificationEvent;
use crate::wdm::pool::PoolBox;

/// What the thread of a broadcast waits at until the DPCs are done.
pub(crate) type BroadcastLatch = Latch<NotificationEvent>;

/// The work, and the place for the record of the first processor; the others follow.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Everything that a capture takes, but for VMSAVE.
    Probe(NonNull<StatusRecord>),
    /// VMSAVE.
    Capture(NonNull<SnapshotRecord>),
}

impl Work {
    /// Writes the record of a processor that was not reached. `IRQL <= DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// There is a place for the record, and nothing else uses it.
    unsafe fn put_not_reached(self, id: ProcessorId) {
        /// # Safety
        ///
        /// There is a place for the record of `id`, and nothing else uses it.
        unsafe fn put<R: Record>(first: NonNull<R>, id: ProcessorId) {
            // SAFETY: the caller vouches for a place for each index up to this one.
            let place = unsafe { first.add(id.index as usize) };
            // SAFETY: the caller vouches that nothing else uses the place.
            unsafe { place.write(R::not_reached(id)) };
        }
        match self {
            // SAFETY: the caller vouches for the place.
            Self::Probe(first) => unsafe { put(first, id) },
            // SAFETY: the caller vouches for the place.
            Self::Capture(first) => unsafe { put(first, id) },
        }
    }
}

/// What the DPCs of one broadcast share. It is in the frame of the thread that waits for them in
/// kernel mode, which keeps its stack resident, and they use it until they count the latch down.
pub(crate) struct Broadcast<'a> {
    latch: &'a BroadcastLatch,
    barrier: Barrier,
    contexts: &'a [PoolBox<ProcessorContext>],
    work: Work,
    /// VMSAVE was refused for a page.
    page_refused: AtomicBool,
}

impl<'a> Broadcast<'a> {
    /// Has the processor of every context do the work, and returns when all are done: whether VMSAVE
    /// was refused for the page of any. `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// At the place for the first record there is room for one of each context, which nothing else
    /// uses meanwhile. The contexts were made for [`deferred_routine`], in the order of the
    /// processors' indexes. The caller alone uses latch and contexts.
    pub(crate) unsafe fn run(
        latch: &'a BroadcastLatch,
        contexts: &'a [PoolBox<ProcessorContext>],
        work: Work,
    ) -> bool {
        let Ok(count) = u32::try_from(contexts.len()) else {
            return false;
        };
        let broadcast = Self {
            latch,
            barrier: Barrier::new(count),
            contexts,
            work,
            page_refused: AtomicBool::new(false),
        };
        latch.reset(count);
        broadcast.queue(0);
        latch.wait();
        // The latch orders it after every DPC.
        broadcast.page_refused.load(Ordering::Relaxed)
    }

    /// Queues the DPC of a processor, if there is such a processor. `IRQL <= DISPATCH_LEVEL`.
    fn queue(&self, index: usize) {
        let Some(context) = self.contexts.get(index) else {
            return;
        };
        let broadcast = NonNull::from(self).as_ptr().cast();
        // SAFETY: `run` waits until the DPC has counted the latch down.
        if !unsafe { context.queue_dpc(broadcast) } {
            self.skip(context.id());
        }
    }

    /// Queues the DPCs that the DPC of a processor is to queue. `IRQL <= DISPATCH_LEVEL`.
    fn queue_children(&self, index: usize) {
        for child in children(index, self.contexts.len()) {
            self.queue(child);
        }
    }

    /// Does what the DPC of a processor would have done for others. `IRQL <= DISPATCH_LEVEL`.
    ///
    /// A broadcast alone queues DPCs, one at a time, so none can be queued already; it is here
    /// because the system may say so all the same, and the thread would wait forever.
    #[cold]
    fn skip(&self, id: ProcessorId) {
        self.queue_children(id.index as usize);
        // SAFETY: there is a record for each processor, and the DPC of this one was not queued.
        unsafe { self.work.put_not_reached(id) };
        self.barrier.withdraw();
        self.latch.count_down();
    }

    /// What the DPC of a processor does. Returns the latch that is to be counted down, with which
    /// the broadcast ends. `IRQL == DISPATCH_LEVEL`, on the processor of the context.
    ///
    /// # Safety
    ///
    /// Called once for each context of the broadcast, by its DPC.
    unsafe fn execute(&self, context: &ProcessorContext) -> &'a BroadcastLatch {
        let index = context.id().index as usize;
        self.queue_children(index);
        match self.work {
            Work::Probe(first) => {
                // SAFETY: there is a record for each processor.
                let mut record = unsafe { first.add(index) };
                // SAFETY: the record of this processor is its DPC's until the latch is counted down.
                let record = unsafe { record.as_mut() };
                // SAFETY: the caller is the DPC of the context.
                unsafe { capture::probe(context, record) };
            }
            Work::Capture(first) => {
                // SAFETY: there is a record for each processor.
                let mut record = unsafe { first.add(index) };
                // SAFETY: the record of this processor is its DPC's until the latch is counted down.
                let record = unsafe { record.as_mut() };
                // SAFETY: the caller is the DPC of the context.
                unsafe { capture::capture(context, &self.barrier, &self.page_refused, record) };
            }
        }
        self.latch
    }
}

/// The DPC of a [`ProcessorContext`]. `IRQL == DISPATCH_LEVEL`, on the processor of the context.
///
/// # Safety
///
/// Called by the system, with the context that the DPC was initialised with and the broadcast that
/// it was queued for.
pub(crate) unsafe extern "C" fn deferred_routine(
    _: *mut KDPC,
    context: PVOID,
    broadcast: PVOID,
    _: PVOID,
) {
    // SAFETY: the context is there for as long as its DPC can run, and is not changed.
    let context = unsafe { &*context.cast::<ProcessorContext>() };
    // SAFETY: `Broadcast::run` waits until this DPC counts the latch down.
    let broadcast = unsafe { &*broadcast.cast::<Broadcast>() };
    // SAFETY: this is the one DPC of the context, and it was queued once for this broadcast.
    let latch = unsafe { broadcast.execute(context) };
    latch.count_down();
}
