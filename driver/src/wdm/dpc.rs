//! A deferred procedure call: a routine that the system runs on a processor at `DISPATCH_LEVEL`.

#![expect(
    unsafe_code,
    reason = "a structure of the kernel's, used through its address"
)]

use core::cell::UnsafeCell;
use core::ptr;

use wdk_sys::ntddk::{
    KeInitializeDpc, KeInsertQueueDpc, KeSetImportanceDpc, KeSetTargetProcessorDpcEx,
};
use wdk_sys::{_KDPC_IMPORTANCE, KDPC, NTSTATUS, PROCESSOR_NUMBER, PVOID};

use super::status::check;

/// The routine of a DPC: gets the DPC, what it was initialised with, what it was queued with, and
/// a null pointer.
pub(crate) type DeferredRoutine = unsafe extern "C" fn(*mut KDPC, PVOID, PVOID, PVOID);

/// A DPC in nonpaged memory. It is not moved once [`Dpc::initialize`]d, and not freed while it is
/// queued or runs.
pub(crate) struct Dpc(UnsafeCell<KDPC>);

// SAFETY: the kernel's routines may be called on one DPC by any number of threads.
unsafe impl Sync for Dpc {}

// SAFETY: a DPC belongs to no thread.
unsafe impl Send for Dpc {}

impl Dpc {
    /// A DPC that is not yet initialised.
    pub(crate) fn zeroed() -> Self {
        Self(UnsafeCell::new(KDPC::default()))
    }

    /// Makes it a DPC that runs `routine` with `context` on one processor, which is interrupted for
    /// it at once. Any IRQL.
    ///
    /// # Errors
    ///
    /// The status of `KeSetTargetProcessorDpcEx`, if it does not know the processor.
    ///
    /// # Safety
    ///
    /// Called once, at the address in nonpaged memory where the DPC stays, before it is used.
    /// `context` is what `routine` needs, for as long as the DPC may be queued.
    pub(crate) unsafe fn initialize(
        &self,
        routine: DeferredRoutine,
        context: PVOID,
        processor: &mut PROCESSOR_NUMBER,
    ) -> Result<(), NTSTATUS> {
        let dpc = self.0.get();
        // SAFETY: the caller vouches for the memory, and for the context.
        unsafe { KeInitializeDpc(dpc, Some(routine), context) };
        // SAFETY: the DPC was initialised above, and is not queued.
        unsafe { KeSetImportanceDpc(dpc, _KDPC_IMPORTANCE::HighImportance) };
        // SAFETY: the DPC was initialised above, and is not queued; the number is only read.
        check(unsafe { KeSetTargetProcessorDpcEx(dpc, ptr::from_mut(processor)) })
    }

    /// Queues the DPC, which must be initialised, with an argument for its routine. Returns whether
    /// the system took it: it does not if it is queued already. Any IRQL.
    ///
    /// # Safety
    ///
    /// `argument` is what the routine needs, until it returns.
    pub(crate) unsafe fn queue(&self, argument: PVOID) -> bool {
        // SAFETY: an initialised DPC may be queued at any time; the caller vouches for the argument.
        unsafe { KeInsertQueueDpc(self.0.get(), argument, ptr::null_mut()) != 0 }
    }
}
