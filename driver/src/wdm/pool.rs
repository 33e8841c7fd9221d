//! A value in nonpaged pool, on cache lines of its own.

#![expect(unsafe_code, reason = "memory that the kernel hands out as an address")]

use core::ops::Deref;
use core::ptr::NonNull;

use wdk_sys::ntddk::{ExAllocatePool2, ExFreePool};
use wdk_sys::{
    NTSTATUS, POOL_FLAG_CACHE_ALIGNED, POOL_FLAG_NON_PAGED, STATUS_INSUFFICIENT_RESOURCES,
};

/// Shown by tools that list pool usage, as "Svms".
const POOL_TAG: u32 = u32::from_le_bytes(*b"Svms");

/// Bytes of a cache line on x64, to which the pool aligns what is to be on lines of its own.
const CACHE_LINE: usize = 64;

/// An owned value that is not moved, in pool that is nonpaged and not executable.
///
/// `Box` does not do: the global allocator aligns to 16 bytes whatever is asked for.
pub(crate) struct PoolBox<T>(NonNull<T>);

// SAFETY: it owns the value, as `Box` does.
unsafe impl<T: Send> Send for PoolBox<T> {}

// SAFETY: through a reference to it, a reference to the value is all that can be had.
unsafe impl<T: Sync> Sync for PoolBox<T> {}

impl<T> PoolBox<T> {
    /// Moves a value into pool. `IRQL <= DISPATCH_LEVEL`.
    ///
    /// # Errors
    ///
    /// `STATUS_INSUFFICIENT_RESOURCES` if there is no memory.
    pub(crate) fn new(value: T) -> Result<Self, NTSTATUS> {
        const { assert!(align_of::<T>() <= CACHE_LINE && size_of::<T>() != 0) };
        let flags = POOL_FLAG_NON_PAGED | POOL_FLAG_CACHE_ALIGNED;
        // SAFETY: nonpaged pool may be taken at this IRQL.
        let memory = unsafe { ExAllocatePool2(flags, size_of::<T>() as _, POOL_TAG) };
        let place = NonNull::new(memory.cast::<T>()).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        // SAFETY: the memory is new, large enough, and aligned: to a cache line, or to a page.
        unsafe { place.write(value) };
        Ok(Self(place))
    }
}

impl<T> Deref for PoolBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` wrote the value, which stays until `drop`; no exclusive reference to it is
        // ever made.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for PoolBox<T> {
    /// `IRQL <= DISPATCH_LEVEL`, or what dropping the value demands.
    fn drop(&mut self) {
        // SAFETY: `new` wrote the value, and nothing refers to it any more.
        unsafe { self.0.drop_in_place() };
        // SAFETY: `new` took the memory from the pool.
        unsafe { ExFreePool(self.0.as_ptr().cast()) };
    }
}
