//! One processor's place in a survey: its DPC and its VMCB page.

#![expect(unsafe_code, reason = "memory that the kernel writes to")]

use core::ptr::{self, NonNull};

use protocol::ProcessorId;
use wdk_sys::{
    _KDPC_IMPORTANCE, KDPC, NTSTATUS, POOL_FLAG_CACHE_ALIGNED, POOL_FLAG_NON_PAGED,
    PROCESSOR_NUMBER, PVOID, STATUS_INSUFFICIENT_RESOURCES,
    ntddk::{
        ExAllocatePool2, ExFreePool, KeGetProcessorNumberFromIndex, KeInitializeDpc,
        KeInsertQueueDpc, KeSetImportanceDpc, KeSetTargetProcessorDpcEx,
    },
};

use crate::{
    broadcast::Round, processor::node, processor::vmcb_page::VmcbPage, wdm::status::check,
};

/// Shown by tools that list pool usage, as "Svms".
const POOL_TAG: u32 = u32::from_le_bytes(*b"Svms");

/// What the DPC works with. On cache lines of its own, so that processors do not slow each other
/// down.
#[repr(C, align(64))]
struct State {
    dpc: KDPC,
    page: VmcbPage,
    id: ProcessorId,
}

/// A processor's seat: owns its [`State`].
pub(crate) struct Seat(NonNull<State>);

impl Seat {
    /// Prepares a seat for the processor with a system-wide index. `IRQL == PASSIVE_LEVEL`.
    pub(crate) fn new(index: u32) -> Result<Self, NTSTATUS> {
        let mut processor = PROCESSOR_NUMBER::default();
        // SAFETY: the routine writes to the structure it is given, and to nothing else.
        check(unsafe { KeGetProcessorNumberFromIndex(index, &raw mut processor) })?;
        let page = VmcbPage::near(node::of(&mut processor)).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let flags = POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED;
        // SAFETY: nonpaged pool may be taken at this IRQL.
        let memory = unsafe { ExAllocatePool2(flags, size_of::<State>() as _, POOL_TAG) };
        let state = NonNull::new(memory.cast::<State>()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let initial = State {
            dpc: KDPC::default(),
            page,
            id: ProcessorId {
                index,
                group: processor.Group,
                number: processor.Number,
                reserved: 0,
            },
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

    /// The processor.
    pub(crate) fn id(&self) -> ProcessorId {
        // SAFETY: the state is there for as long as the seat is; nobody changes this part of it.
        unsafe { (*self.0.as_ptr()).id }
    }

    /// Queues the DPC for a round, and says whether that was possible. `IRQL <= DISPATCH_LEVEL`.
    pub(crate) fn queue(&self, round: NonNull<Round>) -> bool {
        let round = round.as_ptr().cast();
        // SAFETY: the DPC was initialised when the seat was made.
        unsafe { KeInsertQueueDpc(self.dpc(), round, ptr::null_mut()) != 0 }
    }

    fn dpc(&self) -> *mut KDPC {
        // SAFETY: the state is there for as long as the seat is; no reference is made.
        unsafe { &raw mut (*self.0.as_ptr()).dpc }
    }
}

impl Drop for Seat {
    /// `IRQL == PASSIVE_LEVEL`, when no DPC can be running in it.
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
/// Called by the system, with the state that the DPC was initialised with and the round that it was
/// queued for.
unsafe extern "C" fn deferred_routine(_: *mut KDPC, state: PVOID, round: PVOID, _: PVOID) {
    let state = state.cast::<State>();
    // SAFETY: the state is there for as long as a DPC can run, and this part of it does not change.
    let id = unsafe { (*state).id };
    // SAFETY: as above.
    let page = unsafe { &(*state).page };
    // SAFETY: the thread that holds the round waits until this processor arrives.
    let round = unsafe { &*round.cast::<Round>() };
    // SAFETY: the DPC of the seat was queued once, for this round.
    let arrivals = unsafe { round.attend(id, page) };
    arrivals.arrive();
}
