//! The same work on every active processor at once.

#![expect(
    unsafe_code,
    reason = "seats keep a pointer to the rendezvous beside them"
)]

use alloc::vec::Vec;
use core::ptr::NonNull;

use protocol::{Record, ReplyHeader, SnapshotRecord, StatusRecord};
use wdk_sys::{
    ALL_PROCESSOR_GROUPS, NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, USHORT,
    ntddk::{KeFlushQueuedDpcs, KeQueryActiveProcessorCountEx, KeQueryMaximumProcessorCountEx},
};
use zerocopy::FromBytes;

use crate::{
    access::Addresses,
    broadcast::{Round, Work},
    processor::context::Seat,
    rendezvous::Rendezvous,
    wdm::event::Event,
    wdm::mutex::Mutex,
};

/// Where the DPCs of a survey arrive.
pub(crate) type Arrivals = Rendezvous<Event>;

/// All that a survey needs, taken once and kept: in the extension of the control device.
pub(crate) struct Survey {
    arrivals: Arrivals,
    /// A seat for each processor, by its system-wide index. Whoever holds it conducts a survey.
    seats: Mutex<Vec<Seat>>,
}

impl Survey {
    /// Writes a survey to `place` and gives every active processor a seat.
    /// `IRQL == PASSIVE_LEVEL`.
    ///
    /// On an error nothing is left behind.
    ///
    /// # Safety
    ///
    /// `place` is nonpaged memory that is large enough and aligned, holds no survey yet, and
    /// stays where it is until [`Survey::dissolve`].
    pub(crate) unsafe fn convene(place: NonNull<Self>) -> Result<(), NTSTATUS> {
        let survey = Self {
            arrivals: Rendezvous::new(Event::zeroed()),
            seats: Mutex::new(Vec::new()),
        };
        // SAFETY: the caller vouches for the memory.
        unsafe { place.write(survey) };
        // SAFETY: written above.
        let survey = unsafe { place.as_ref() };
        // SAFETY: this is where it stays, and nobody used it yet.
        unsafe { survey.arrivals.signal().initialize() };
        // SAFETY: likewise.
        unsafe { survey.seats.initialize() };
        let seated = seat_up_to(survey.seats.hold().value(), active_processors());
        if seated.is_err() {
            // SAFETY: the memory holds a survey, and no DPC has been queued.
            unsafe { Self::dissolve(place) };
        }
        seated
    }

    /// Gives back all that a survey took. `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// `place` holds a survey, and no thread is in one of its functions.
    pub(crate) unsafe fn dissolve(place: NonNull<Self>) {
        // SAFETY: the IRQL is right. The last DPC may have arrived and still be on its way out
        // of code and memory that are about to go.
        unsafe { KeFlushQueuedDpcs() };
        // SAFETY: the caller vouches for the survey; its DPCs have ended.
        unsafe { place.drop_in_place() };
    }

    /// The reply to a client of any version: the header alone. `IRQL == PASSIVE_LEVEL`.
    pub(crate) fn introduce(output: &mut [u8]) -> (NTSTATUS, usize) {
        let Ok((header, _)) = ReplyHeader::mut_from_prefix(output) else {
            return (STATUS_BUFFER_TOO_SMALL, 0);
        };
        *header = reply_header::<StatusRecord>(active_processors());
        (STATUS_SUCCESS, size_of::<ReplyHeader>())
    }

    /// Has every active processor rehearse a capture and writes the reply.
    /// `IRQL == PASSIVE_LEVEL`.
    ///
    /// Returns the status of the request and the length of the reply in bytes.
    pub(crate) fn rehearse(&self, output: &mut [u8]) -> (NTSTATUS, usize) {
        self.conduct(output, Work::Rehearse, |_, _| ())
    }

    /// Has every active processor capture and writes the reply. `IRQL == PASSIVE_LEVEL`.
    ///
    /// Returns the status of the request and the length of the reply in bytes.
    pub(crate) fn capture(&self, addresses: Addresses, output: &mut [u8]) -> (NTSTATUS, usize) {
        self.conduct(output, Work::Capture, |header, records| {
            if addresses == Addresses::Redacted {
                header.flags |= ReplyHeader::REDACTED;
                records.iter_mut().for_each(SnapshotRecord::redact);
            }
        })
    }

    /// Has every active processor do work, and writes the reply: a header, and a record for each.
    /// `IRQL == PASSIVE_LEVEL`.
    ///
    /// The work gets a place for all records. `finish` is called when they are there, or with none
    /// if `output` has no room for all: then no processor is disturbed, and the header says how
    /// much is needed.
    fn conduct<R: Record>(
        &self,
        output: &mut [u8],
        work: impl FnOnce(NonNull<R>) -> Work,
        finish: impl FnOnce(&mut ReplyHeader, &mut [R]),
    ) -> (NTSTATUS, usize) {
        let Ok((header, output)) = ReplyHeader::mut_from_prefix(output) else {
            return (STATUS_BUFFER_TOO_SMALL, 0);
        };
        let mut seats = self.seats.hold();
        let seats = seats.value();
        let active = active_processors();
        *header = reply_header::<R>(active);
        let Ok((records, _)) = <[R]>::mut_from_prefix_with_elems(output, active as usize) else {
            finish(header, &mut []);
            return (STATUS_BUFFER_OVERFLOW, size_of::<ReplyHeader>());
        };
        if let Err(status) = seat_up_to(seats, active) {
            return (status, 0);
        }
        let Some(seats) = seats.get(..active as usize) else {
            return (STATUS_INSUFFICIENT_RESOURCES, 0);
        };
        let work = work(NonNull::from(&mut *records).cast());
        // SAFETY: there is a record for each seat; the seats are held, and with them the arrivals.
        unsafe { Round::hold(&self.arrivals, seats, work) };
        finish(header, records);
        header.record_count = active;
        (STATUS_SUCCESS, header.needed as usize)
    }
}

/// Sees to it that there is a seat for each of `count` processors. `IRQL == PASSIVE_LEVEL`.
fn seat_up_to(seats: &mut Vec<Seat>, count: u32) -> Result<(), NTSTATUS> {
    let missing = (count as usize).saturating_sub(seats.len());
    seats
        .try_reserve_exact(missing)
        .map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
    for index in (0..count).skip(seats.len()) {
        seats.push(Seat::new(index)?);
    }
    Ok(())
}

/// The header of a reply that has no records yet.
#[expect(
    clippy::cast_possible_truncation,
    reason = "sizes of a few hundred bytes"
)]
fn reply_header<R: Record>(active: u32) -> ReplyHeader {
    let header_size = size_of::<ReplyHeader>() as u16;
    let record_size = size_of::<R>() as u16;
    let records = active.saturating_mul(record_size.into());
    ReplyHeader {
        version: protocol::VERSION,
        driver_version: protocol::PACKAGE_VERSION,
        header_size,
        record_size,
        record_count: 0,
        needed: records.saturating_add(header_size.into()),
        active_processors: active,
        maximum_processors: maximum_processors(),
        flags: 0,
        reserved: [0; 4],
    }
}

/// `ALL_PROCESSOR_GROUPS`, as wide as the routines take it.
#[expect(clippy::cast_possible_truncation, reason = "it is 0xFFFF")]
const ALL_GROUPS: USHORT = ALL_PROCESSOR_GROUPS as USHORT;

/// Logical processors that are active, in all groups. Any IRQL.
fn active_processors() -> u32 {
    // SAFETY: a query without an effect.
    unsafe { KeQueryActiveProcessorCountEx(ALL_GROUPS) }
}

/// Logical processors that the system can have, in all groups. Any IRQL.
fn maximum_processors() -> u32 {
    // SAFETY: a query without an effect.
    unsafe { KeQueryMaximumProcessorCountEx(ALL_GROUPS) }
}
