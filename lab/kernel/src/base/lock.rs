//! The kernel's own lock: a spin lock that keeps interrupts off while held.
//!
//! Interrupt handlers and routines at any IRQL take these locks, so an owner
//! must never be interrupted by code that takes the same lock.

#![expect(
    unsafe_code,
    reason = "a lock is taken from a processor that was stopped"
)]

use core::hint;
use core::ops::{Deref, DerefMut};

use x86_64::instructions::interrupts;

use super::stopping;

/// Interrupts disabled on this processor until dropped.
pub(crate) struct InterruptsOff {
    were_enabled: bool,
}

impl InterruptsOff {
    /// Disables interrupts and remembers whether they were enabled.
    pub(crate) fn new() -> Self {
        let were_enabled = interrupts::are_enabled();
        interrupts::disable();
        Self { were_enabled }
    }
}

impl Drop for InterruptsOff {
    fn drop(&mut self) {
        if self.were_enabled {
            interrupts::enable();
        }
    }
}

/// A value behind a spin lock that keeps interrupts off.
pub(crate) struct Lock<T>(spin::Mutex<T>);

impl<T> Lock<T> {
    /// A lock around `value`.
    pub(crate) const fn new(value: T) -> Self {
        Self(spin::Mutex::new(value))
    }

    /// Waits until the value is free and takes it.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        let interrupts = InterruptsOff::new();
        loop {
            if let Some(value) = self.0.try_lock() {
                return Guard {
                    value,
                    _interrupts: interrupts,
                };
            }
            if stopping::is_alone() {
                // SAFETY: the processor that owned the lock was stopped and never runs again.
                unsafe { self.0.force_unlock() };
            }
            hint::spin_loop();
        }
    }
}

/// A locked value. Fields drop in order: the lock first, then interrupts return.
pub(crate) struct Guard<'a, T> {
    value: spin::MutexGuard<'a, T>,
    _interrupts: InterruptsOff,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
