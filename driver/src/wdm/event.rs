//! A notification event, as what a latch sets and waits for.

#![expect(
    unsafe_code,
    reason = "a structure of the kernel's, used through its address"
)]

use core::cell::UnsafeCell;

use svmsave_sync::Event;
use wdk_sys::ntddk::{KeClearEvent, KeInitializeEvent, KeSetEvent};
use wdk_sys::{_EVENT_TYPE, KEVENT};

use super::wait::wait_for;

/// A notification event in nonpaged memory. It is not moved once
/// [`initialize`](NotificationEvent::initialize)d, and used only then.
pub(crate) struct NotificationEvent(UnsafeCell<KEVENT>);

// SAFETY: the kernel's routines may be called on one event by any number of threads.
unsafe impl Sync for NotificationEvent {}

// SAFETY: an event belongs to no thread.
unsafe impl Send for NotificationEvent {}

impl NotificationEvent {
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

impl Event for NotificationEvent {
    /// `IRQL <= DISPATCH_LEVEL`.
    fn set(&self) {
        // SAFETY: an initialised event; without `Wait` the routine may be called at
        // DISPATCH_LEVEL.
        unsafe { KeSetEvent(self.0.get(), 0, 0) };
    }

    /// `IRQL <= APC_LEVEL`.
    fn wait(&self) {
        // SAFETY: an initialised event in nonpaged memory.
        unsafe { wait_for(self.0.get().cast()) };
    }

    /// `IRQL <= DISPATCH_LEVEL`.
    fn clear(&self) {
        // SAFETY: an initialised event.
        unsafe { KeClearEvent(self.0.get()) };
    }
}
