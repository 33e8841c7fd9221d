//! A notification event, as the signal of a rendezvous.

#![expect(
    unsafe_code,
    reason = "a structure of the kernel's, used through its address"
)]

use core::cell::UnsafeCell;

use wdk_sys::{
    _EVENT_TYPE, KEVENT,
    ntddk::{KeClearEvent, KeInitializeEvent, KeSetEvent},
};

use crate::{rendezvous::Signal, wdm::wait::wait_for};

/// A notification event in nonpaged memory. It is not moved once [`Event::initialize`]d.
pub(crate) struct Event(UnsafeCell<KEVENT>);

// SAFETY: the kernel's routines may be called on one event by any number of threads.
unsafe impl Sync for Event {}

impl Event {
    /// An event that is not yet initialised.
    pub(crate) fn zeroed() -> Self {
        Self(UnsafeCell::new(KEVENT::default()))
    }

    /// Makes it a notification event that is not set. Any IRQL.
    ///
    /// # Safety
    ///
    /// Called once, at the address in nonpaged memory where the event stays, before it is used.
    pub(crate) unsafe fn initialize(&self) {
        // SAFETY: the caller vouches for the memory.
        unsafe { KeInitializeEvent(self.0.get(), _EVENT_TYPE::NotificationEvent, 0) };
    }
}

impl Signal for Event {
    /// `IRQL <= DISPATCH_LEVEL`.
    fn set(&self) {
        // SAFETY: initialised; without `Wait` the routine may be called at DISPATCH_LEVEL.
        unsafe { KeSetEvent(self.0.get(), 0, 0) };
    }

    /// `IRQL <= APC_LEVEL`.
    fn wait(&self) {
        // SAFETY: an event, which whoever made it has initialised.
        unsafe { wait_for(self.0.get().cast()) };
    }

    /// `IRQL <= DISPATCH_LEVEL`.
    fn clear(&self) {
        // SAFETY: initialised.
        unsafe { KeClearEvent(self.0.get()) };
    }
}
