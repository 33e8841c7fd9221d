//! What the control device keeps between requests, and the replies that it has the processors write.

#![expect(unsafe_code, reason = "kernel objects are initialised where they stay")]

use core::ptr::NonNull;

use protocol::{Record, ReplyHeader, SnapshotRecord, StatusRecord};
use svmsave_sync::Latch;
use wdk_sys::ntddk::KeFlushQueuedDpcs;
use wdk_sys::{
    NTSTATUS, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES,
    STATUS_SUCCESS,
};

use crate::access::Addresses;
use crate::broadcast::{Broadcast, BroadcastLatch, Work};
use crate::contexts::Contexts;
use crate::processor;
use crate::wdm::event::NotificationEvent;
use crate::wdm::mutex::Mutex;

/// All that a broadcast needs, taken once and kept.
pub(crate) struct DeviceExtension {
    latch: BroadcastLatch,
    /// The thread that holds the mutex runs a broadcast.
    contexts: Mutex<Contexts>,
}

/// Requests of several threads use one extension at the same time.
const _: fn() = || {
    fn shared<T: Sync>() {}
    shared::<DeviceExtension>();
};

impl DeviceExtension {
    /// Writes an extension to `place`, with a context for every active processor.
    /// `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status of what could not be had. Nothing is left behind.
    ///
    /// # Safety
    ///
    /// `place` is nonpaged memory that is large enough and aligned, holds no extension yet, and
    /// stays where it is until [`DeviceExtension::teardown`].
    pub(crate) unsafe fn init(place: NonNull<Self>) -> Result<(), NTSTATUS> {
        let extension = Self {
            latch: Latch::new(NotificationEvent::zeroed()),
            contexts: Mutex::new(Contexts::default()),
        };
        // SAFETY: the caller vouches for the memory.
        unsafe { place.write(extension) };
        // SAFETY: the extension was written above.
        let extension = unsafe { place.as_ref() };
        // SAFETY: this is where the event stays, and it was not used yet.
        unsafe { extension.latch.event().initialize() };
        // SAFETY: this is where the mutex stays, and it was not used yet.
        unsafe { extension.contexts.initialize() };
        let grown = extension.contexts.lock().grow_to(processor::active_count());
        if grown.is_err() {
            // SAFETY: the memory holds an extension, and no DPC has been queued.
            unsafe { Self::teardown(place) };
        }
        grown
    }

    /// Gives back all that an extension took. `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// `place` holds an extension, and no thread is in one of its functions.
    pub(crate) unsafe fn teardown(place: NonNull<Self>) {
        // SAFETY: the IRQL is right. The last DPC may have counted the latch down and still be on
        // its way out of code and memory that are about to go.
        unsafe { KeFlushQueuedDpcs() };
        // SAFETY: the caller vouches for the extension; its DPCs have ended.
        unsafe { place.drop_in_place() };
    }

    /// Writes the reply to a client of any version: the header alone. `IRQL == PASSIVE_LEVEL`.
    ///
    /// Returns the status of the request and the length of the reply in bytes.
    pub(crate) fn handshake(output: &mut [u8]) -> (NTSTATUS, usize) {
        let Some((header, _)) = split_header(output) else {
            return (STATUS_BUFFER_TOO_SMALL, 0);
        };
        *header = reply_header::<StatusRecord>(processor::active_count());
        (STATUS_SUCCESS, size_of::<ReplyHeader>())
    }

    /// Has every active processor say whether a capture would succeed, and writes the reply.
    /// `IRQL == PASSIVE_LEVEL`.
    ///
    /// Returns the status of the request and the length of the reply in bytes.
    pub(crate) fn probe(&self, output: &mut [u8]) -> (NTSTATUS, usize) {
        self.run(output, Work::Probe, |_, _| ())
    }

    /// Has every active processor capture, and writes the reply. `IRQL == PASSIVE_LEVEL`.
    ///
    /// Returns the status of the request and the length of the reply in bytes.
    pub(crate) fn capture(&self, addresses: Addresses, output: &mut [u8]) -> (NTSTATUS, usize) {
        self.run(output, Work::Capture, |header, records| {
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
    fn run<R: Record>(
        &self,
        output: &mut [u8],
        work: impl FnOnce(NonNull<R>) -> Work,
        finish: impl FnOnce(&mut ReplyHeader, &mut [R]),
    ) -> (NTSTATUS, usize) {
        let Some((header, output)) = split_header(output) else {
            return (STATUS_BUFFER_TOO_SMALL, 0);
        };
        let mut contexts = self.contexts.lock();
        let active = processor::active_count();
        *header = reply_header::<R>(active);
        let Some(records) = records_in(output, active as usize) else {
            finish(header, &mut []);
            return (STATUS_BUFFER_OVERFLOW, size_of::<ReplyHeader>());
        };
        if let Err(status) = contexts.grow_to(active) {
            return (status, 0);
        }
        contexts.replace_refused();
        let Some(current) = contexts.first(active) else {
            return (STATUS_INSUFFICIENT_RESOURCES, 0);
        };
        let work = work(NonNull::from(&mut *records).cast());
        // SAFETY: there is a record for each context; `grow_to` made the contexts, and the mutex is
        // held, which stands for the latch too.
        let refused = unsafe { Broadcast::run(&self.latch, current, work) };
        contexts.note_refusal(refused);
        finish(header, records);
        header.record_count = active;
        (STATUS_SUCCESS, header.needed as usize)
    }
}

/// The header of a reply in a buffer, and the rest; none if the buffer has no room for a header, or
/// not where one can be.
fn split_header(output: &mut [u8]) -> Option<(&mut ReplyHeader, &mut [u8])> {
    let (header, rest) = output.split_at_mut_checked(size_of::<ReplyHeader>())?;
    Some((bytemuck::try_from_bytes_mut(header).ok()?, rest))
}

/// So many records in a buffer; none if it has no room for all, or not where records can be.
fn records_in<R: Record>(output: &mut [u8], count: usize) -> Option<&mut [R]> {
    let records = output.get_mut(..count.checked_mul(size_of::<R>())?)?;
    bytemuck::try_cast_slice_mut(records).ok()
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
        maximum_processors: processor::maximum_count(),
        flags: 0,
        reserved: [0; 4],
    }
}
