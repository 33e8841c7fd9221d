//! One processor's place in a survey: its DPC, its VMCB page and what the DPC found.

#![expect(
    unsafe_code,
    reason = "memory that the kernel and the processor write to"
)]

use core::ptr::{self, NonNull};

use amd_svm::{
    capture,
    cpuid::{self, SvmIdentity},
};
use protocol::{Outcome, ProcessorId, SnapshotRecord, StatusRecord};
use wdk_sys::{
    _KDPC_IMPORTANCE, KDPC, NTSTATUS, POOL_FLAG_CACHE_ALIGNED, POOL_FLAG_NON_PAGED,
    PROCESSOR_NUMBER, PVOID, STATUS_INSUFFICIENT_RESOURCES,
    ntddk::{
        ExAllocatePool2, ExFreePool, KeGetProcessorNumberFromIndex, KeInitializeDpc,
        KeInsertQueueDpc, KeSetImportanceDpc, KeSetTargetProcessorDpcEx,
    },
};
use zerocopy::IntoBytes;

use crate::{
    access::Addresses, status::check, survey::Arrivals, this_processor::ThisProcessor,
    vmcb_page::VmcbPage,
};

/// Shown by tools that list pool usage, as "Svms".
const POOL_TAG: u32 = u32::from_le_bytes(*b"Svms");

/// What a survey has every processor do.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Everything that a capture takes, but for VMSAVE.
    Rehearse,
    /// VMSAVE.
    Capture,
}

impl Work {
    /// Size in bytes of the record that a processor makes of it.
    pub(crate) const fn record_size(self) -> usize {
        match self {
            Self::Rehearse => size_of::<StatusRecord>(),
            Self::Capture => size_of::<SnapshotRecord>(),
        }
    }
}

/// What the DPC works on. From [`Seat::start`] until it arrives at the rendezvous it belongs to
/// the DPC alone, before and after that to the thread that conducts the survey.
///
/// On cache lines of its own, so that processors do not slow each other down.
#[repr(C, align(64))]
struct State {
    dpc: KDPC,
    arrivals: NonNull<Arrivals>,
    page: VmcbPage,
    id: ProcessorId,
    work: Work,
    status: StatusRecord,
    snapshot: SnapshotRecord,
}

/// A processor's seat: owns its [`State`].
pub(crate) struct Seat(NonNull<State>);

impl Seat {
    /// Prepares a seat for the processor with a system-wide index. `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Safety
    ///
    /// `arrivals` outlives the seat. The seat is dropped only when no DPC can be running in it.
    pub(crate) unsafe fn new(index: u32, arrivals: NonNull<Arrivals>) -> Result<Self, NTSTATUS> {
        let mut processor = PROCESSOR_NUMBER::default();
        // SAFETY: the routine writes to the structure it is given, and to nothing else.
        check(unsafe { KeGetProcessorNumberFromIndex(index, &raw mut processor) })?;
        let page = VmcbPage::new().ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let flags = POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED;
        // SAFETY: nonpaged pool may be taken at this IRQL.
        let memory = unsafe { ExAllocatePool2(flags, size_of::<State>() as _, POOL_TAG) };
        let state = NonNull::new(memory.cast::<State>()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let initial = State {
            dpc: KDPC::default(),
            arrivals,
            page,
            id: ProcessorId {
                index,
                group: processor.Group,
                number: processor.Number,
                reserved: 0,
            },
            work: Work::Rehearse,
            status: StatusRecord::default(),
            snapshot: SnapshotRecord::default(),
        };
        // SAFETY: the memory is new, large enough, and aligned: to a page, or to a cache line.
        unsafe { state.write(initial) };
        let seat = Self(state);
        seat.prepare_dpc(&mut processor)?;
        Ok(seat)
    }

    /// Aims the DPC at its processor, to be run there at once. `IRQL == PASSIVE_LEVEL`.
    fn prepare_dpc(&self, processor: &mut PROCESSOR_NUMBER) -> Result<(), NTSTATUS> {
        let dpc = self.dpc();
        // SAFETY: the DPC is memory of this seat, in nonpaged pool, and not queued.
        unsafe { KeInitializeDpc(dpc, Some(deferred_routine), self.0.as_ptr().cast()) };
        // SAFETY: initialised above, not queued.
        unsafe { KeSetImportanceDpc(dpc, _KDPC_IMPORTANCE::HighImportance) };
        // SAFETY: initialised above, not queued; the processor number is the system's own.
        check(unsafe { KeSetTargetProcessorDpcEx(dpc, ptr::from_mut(processor)) })
    }

    /// Has the processor do `work`, and arrive at the rendezvous when it is done, or right away
    /// if the DPC cannot be queued. `IRQL <= DISPATCH_LEVEL`.
    pub(crate) fn start(&mut self, work: Work) {
        // SAFETY: no DPC is queued or running in this seat, which `&mut self` stands for.
        let state = unsafe { self.0.as_mut() };
        state.work = work;
        match work {
            Work::Rehearse => {
                state.status = StatusRecord {
                    id: state.id,
                    outcome: Outcome::NOT_REACHED,
                    ..StatusRecord::default()
                };
            }
            Work::Capture => {
                state.snapshot = SnapshotRecord {
                    id: state.id,
                    outcome: Outcome::NOT_REACHED,
                    witness_outcome: Outcome::NOT_REACHED,
                    ..SnapshotRecord::default()
                };
            }
        }
        let arrivals = state.arrivals;
        // SAFETY: whoever made the seat vouched for the rendezvous.
        let arrivals = unsafe { arrivals.as_ref() };
        arrivals.expect_one();
        // SAFETY: the DPC was initialised when the seat was made. From here on the state is the
        // DPC's own.
        let queued = unsafe { KeInsertQueueDpc(self.dpc(), ptr::null_mut(), ptr::null_mut()) };
        if queued == 0 {
            arrivals.arrive();
        }
    }

    /// Copies the record of the last survey to `place`, which has [`Work::record_size`] bytes,
    /// with or without addresses. `IRQL <= DISPATCH_LEVEL`.
    pub(crate) fn copy_record_to(&mut self, place: &mut [u8], addresses: Addresses) {
        // SAFETY: the survey is over, and with it the DPC's time with the state.
        let state = unsafe { self.0.as_mut() };
        let copied = match state.work {
            Work::Rehearse => state.status.write_to(place).is_ok(),
            Work::Capture => {
                if addresses == Addresses::Redacted {
                    state.snapshot.redact();
                }
                state.snapshot.write_to(place).is_ok()
            }
        };
        debug_assert!(copied);
    }

    fn dpc(&self) -> *mut KDPC {
        // SAFETY: the state is there for as long as the seat is; no reference is made.
        unsafe { &raw mut (*self.0.as_ptr()).dpc }
    }
}

impl Drop for Seat {
    /// `IRQL == PASSIVE_LEVEL`.
    fn drop(&mut self) {
        // SAFETY: the state was written when the seat was made, and nobody uses it any more.
        unsafe { self.0.drop_in_place() };
        // SAFETY: taken from the pool when the seat was made.
        unsafe { ExFreePool(self.0.as_ptr().cast()) };
    }
}

/// The DPC of a seat. `IRQL == DISPATCH_LEVEL`, on the processor of the seat.
///
/// # Safety
///
/// Called by the system, with the state that the DPC was initialised with.
unsafe extern "C" fn deferred_routine(_: *mut KDPC, context: PVOID, _: PVOID, _: PVOID) {
    let state = context.cast::<State>();
    // SAFETY: the state is the DPC's own until it arrives, and the thread that waits for that
    // keeps it alive. The reference ends before `arrive`.
    let arrivals = work(unsafe { &mut *state });
    // SAFETY: whoever made the seat vouched for the rendezvous.
    unsafe { arrivals.as_ref() }.arrive();
}

/// Does the work and keeps the record. `IRQL == DISPATCH_LEVEL`.
fn work(state: &mut State) -> NonNull<Arrivals> {
    // SAFETY: the page is the seat's own, and a DPC does not change its processor.
    let mut processor =
        unsafe { ThisProcessor::with_interrupts_off(state.page.physical_address()) };
    match state.work {
        Work::Rehearse => rehearse(&mut processor, &mut state.status),
        Work::Capture => capture(&mut processor, &mut state.snapshot, &state.page),
    }
    state.arrivals
}

/// Asks the processor whether a capture would succeed.
fn rehearse(processor: &mut ThisProcessor, record: &mut StatusRecord) {
    let SvmIdentity {
        revision,
        asids,
        features,
    } = cpuid::svm_identity(processor);
    record.svm_revision = revision;
    record.asids = asids;
    record.svm_features = features.into();
    record.vendor = cpuid::vendor(processor);
    record.hypervisor = cpuid::hypervisor(processor).unwrap_or_default();
    record.outcome = match capture::rehearse(processor) {
        Ok(admission) => {
            record.efer = admission.efer.into();
            Outcome::DONE
        }
        Err(refusal) => refusal.into(),
    };
}

/// Captures, and copies what VMSAVE stored.
fn capture(processor: &mut ThisProcessor, record: &mut SnapshotRecord, page: &VmcbPage) {
    match capture::capture(processor) {
        Ok(capture) => {
            record.outcome = Outcome::DONE;
            record.tsc = capture.tsc;
            record.efer_found = capture.efer_found.into();
            record.efer_left = capture.efer_left.into();
            record.state = page.vmsave_state();
            match capture.witness {
                Ok(witness) => {
                    record.witness_outcome = Outcome::DONE;
                    record.witness = witness;
                }
                Err(refusal) => record.witness_outcome = refusal.into(),
            }
        }
        Err(refusal) => {
            record.outcome = refusal.into();
            record.witness_outcome = refusal.into();
        }
    }
}
