//! A kernel mutex, held by one thread at a time.

#![expect(
    unsafe_code,
    reason = "a structure of the kernel's, used through its address"
)]

use core::cell::UnsafeCell;

use wdk_sys::{
    KMUTEX,
    ntddk::{KeInitializeMutex, KeReleaseMutex},
};

use crate::wdm::wait::wait_for;

/// A value that one thread at a time may use, and the mutex that sees to it. In nonpaged memory,
/// not moved once [`Mutex::initialize`]d.
pub(crate) struct Mutex<T> {
    mutex: UnsafeCell<KMUTEX>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the guard alone, and there is one guard at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// The right to use the value, until it is dropped.
pub(crate) struct Held<'a, T>(&'a Mutex<T>);

impl<T> Mutex<T> {
    /// A mutex that is not yet initialised.
    pub(crate) fn new(value: T) -> Self {
        Self {
            mutex: UnsafeCell::new(KMUTEX::default()),
            value: UnsafeCell::new(value),
        }
    }

    /// Makes it a mutex that nobody holds. Any IRQL.
    ///
    /// # Safety
    ///
    /// Called once, at the address in nonpaged memory where the mutex stays, before it is used.
    pub(crate) unsafe fn initialize(&self) {
        // SAFETY: the caller vouches for the memory.
        unsafe { KeInitializeMutex(self.mutex.get(), 0) };
    }

    /// Waits until no other thread holds it. `IRQL <= APC_LEVEL`.
    ///
    /// The thread that holds it cannot be terminated meanwhile, nor can the one that waits.
    pub(crate) fn hold(&self) -> Held<'_, T> {
        // SAFETY: a mutex, which whoever made it has initialised.
        unsafe { wait_for(self.mutex.get().cast()) };
        Held(self)
    }
}

impl<T> Held<'_, T> {
    /// The value.
    pub(crate) fn value(&mut self) -> &mut T {
        // SAFETY: this thread holds the mutex, and `&mut self` lets one reference out at a time.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Held<'_, T> {
    /// `IRQL <= DISPATCH_LEVEL`.
    fn drop(&mut self) {
        // SAFETY: this thread holds it, and no wait follows directly.
        unsafe { KeReleaseMutex(self.0.mutex.get(), 0) };
    }
}
