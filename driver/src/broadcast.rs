//! One time that every processor does the same work: who takes part, and where the records go.
//!
//! The DPCs queue one another, as a tree over the processors' indexes: the thread queues the first,
//! and each queues its branches before it does its own work. So the thread queues one DPC however
//! many processors there are, and the last of a thousand has five before it.

#![expect(
    unsafe_code,
    reason = "processors write to one buffer, each to its own place in it"
)]

use core::ptr::NonNull;

use protocol::{ProcessorId, Record, SnapshotRecord, StatusRecord};

use crate::{
    assembly::Assembly, device_extension::Arrivals, processor::capture, processor::context::Seat,
    processor::this_processor::ThisProcessor, processor::vmcb_page::VmcbPage,
};

/// How many DPCs a DPC queues.
const BRANCHES: usize = 4;

/// The work, and the place for the record of the first processor; the others follow.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Everything that a capture takes, but for VMSAVE.
    Rehearse(NonNull<StatusRecord>),
    /// VMSAVE.
    Capture(NonNull<SnapshotRecord>),
}

impl Work {
    /// Writes the record of a processor that was not reached. `IRQL <= DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// There is a place for the record, and nobody else uses it.
    unsafe fn put_not_reached(self, id: ProcessorId) {
        /// # Safety
        ///
        /// As of the function around it.
        unsafe fn put<R: Record>(first: NonNull<R>, id: ProcessorId) {
            // SAFETY: the caller vouches for the place.
            let place = unsafe { first.add(id.index as usize) };
            // SAFETY: likewise.
            unsafe { place.write(R::not_reached(id)) };
        }
        match self {
            // SAFETY: the caller vouches for the place.
            Self::Rehearse(first) => unsafe { put(first, id) },
            // SAFETY: likewise.
            Self::Capture(first) => unsafe { put(first, id) },
        }
    }
}

/// What the DPCs share. It is in the frame of the thread that waits for them in kernel mode, which
/// keeps its stack resident, and they use it until they arrive.
pub(crate) struct Round<'survey> {
    arrivals: &'survey Arrivals,
    assembly: Assembly,
    seats: &'survey [Seat],
    work: Work,
}

impl<'survey> Round<'survey> {
    /// Has the processor of every seat do the work, and returns when all have.
    /// `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// At the place for the first record there is room for one of each seat, which nobody else uses
    /// meanwhile. The caller is the only one who uses arrivals and seats.
    pub(crate) unsafe fn hold(arrivals: &'survey Arrivals, seats: &'survey [Seat], work: Work) {
        let Ok(count) = u32::try_from(seats.len()) else {
            return;
        };
        let round = Self {
            arrivals,
            assembly: Assembly::of(count),
            seats,
            work,
        };
        arrivals.open(count);
        round.summon(0);
        arrivals.wait();
    }

    /// Queues the DPC of a seat, if there is such a seat. `IRQL <= DISPATCH_LEVEL`.
    fn summon(&self, index: usize) {
        let Some(seat) = self.seats.get(index) else {
            return;
        };
        if !seat.queue(NonNull::from(self).cast()) {
            self.do_without(seat);
        }
    }

    /// Queues the DPCs that the DPC of a seat is to queue. `IRQL <= DISPATCH_LEVEL`.
    fn summon_branches(&self, index: usize) {
        let first = index * BRANCHES + 1;
        let end = self.seats.len().min(first + BRANCHES);
        for branch in first..end {
            self.summon(branch);
        }
    }

    /// Does what the DPC of a seat would have done for others. `IRQL <= DISPATCH_LEVEL`.
    ///
    /// Nobody but a round queues DPCs, so none can be queued already; it is here because the system
    /// may say so all the same, and a thread would wait forever.
    #[cold]
    fn do_without(&self, seat: &Seat) {
        let id = seat.id();
        self.summon_branches(id.index as usize);
        // SAFETY: there is a record for each seat, and the DPC of this one was not queued.
        unsafe { self.work.put_not_reached(id) };
        self.assembly.excuse();
        self.arrivals.arrive();
    }

    /// What the DPC of a seat does. `IRQL == DISPATCH_LEVEL`, on the processor of the seat.
    ///
    /// # Safety
    ///
    /// Called once for each seat, with what belongs to it.
    pub(crate) unsafe fn attend(&self, id: ProcessorId, page: &VmcbPage) -> &'survey Arrivals {
        let index = id.index as usize;
        self.summon_branches(index);
        match self.work {
            Work::Rehearse(first) => {
                // SAFETY: there is a record for each seat.
                let mut record = unsafe { first.add(index) };
                // SAFETY: this one is this processor's own until it arrives.
                let record = unsafe { record.as_mut() };
                // SAFETY: the page is the seat's own, and a DPC does not change its processor.
                let mut processor = unsafe { ThisProcessor::with_page(page.physical_address()) };
                capture::rehearse(&mut processor, id, record);
            }
            Work::Capture(first) => {
                // SAFETY: as above.
                let mut record = unsafe { first.add(index) };
                // SAFETY: as above.
                let record = unsafe { record.as_mut() };
                // SAFETY: as above.
                let mut processor = unsafe { ThisProcessor::with_page(page.physical_address()) };
                capture::capture(&mut processor, id, page, &self.assembly, record);
            }
        }
        self.arrivals
    }
}
