//! A kernel mutex, held by one thread at a time.

#![expect(
    unsafe_code,
    reason = "a structure of the kernel's, used through its address"
)]

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

use wdk_sys::KMUTEX;
use wdk_sys::ntddk::{KeInitializeMutex, KeReleaseMutex};

use super::wait::wait_for;

/// A value that one thread at a time may use, and the mutex that sees to it. In nonpaged memory,
/// not moved once [`Mutex::initialize`]d, and used only then.
pub(crate) struct Mutex<T> {
    mutex: UnsafeCell<KMUTEX>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through the guard alone, and there is one guard at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// The right to use the value, until it is dropped by the thread that locked the mutex.
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// The kernel lets no other thread release a mutex.
    not_send: PhantomData<*mut ()>,
}

impl<T> Mutex<T> {
    /// A mutex that is not yet initialised.
    pub(crate) fn new(value: T) -> Self {
        Self {
            mutex: UnsafeCell::new(KMUTEX::default()),
            value: UnsafeCell::new(value),
        }
    }

    /// Makes it a mutex that no thread holds. Any IRQL.
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
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // SAFETY: an initialised mutex in nonpaged memory.
        unsafe { wait_for(self.mutex.get().cast()) };
        MutexGuard {
            mutex: self,
            not_send: PhantomData,
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this thread holds the mutex, and `&self` lets no exclusive reference out.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this thread holds the mutex, and `&mut self` lets one reference out at a time.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    /// `IRQL <= DISPATCH_LEVEL`.
    fn drop(&mut self) {
        // SAFETY: this thread holds the mutex, and no wait follows directly.
        unsafe { KeReleaseMutex(self.mutex.mutex.get(), 0) };
    }
}
