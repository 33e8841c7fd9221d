//! What all checks share: stating an expectation, and objects to check with.

use alloc::boxed::Box;
use alloc::string::String;
use core::ffi::c_void;

use crate::nt::pool;
use crate::processor::{self, Processor, idle};

/// An expectation that was not met.
pub(crate) struct Unmet(pub String);

/// How a check ends.
pub(crate) type Checked = Result<(), Unmet>;

/// Fails with a message unless a condition holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err($crate::agent::conformance::ensure::Unmet(alloc::format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// Pool tag of all objects.
pub(crate) const TAG: u32 = u32::from_le_bytes(*b"Conf");

/// `POOL_FLAG_NON_PAGED`.
pub(crate) const NON_PAGED: u64 = 0x40;

/// A zeroed object in nonpaged pool; it is freed with [`free`].
pub(crate) fn allocate<T>() -> *mut T {
    pool::allocate_pool_2(NON_PAGED, size_of::<T>(), TAG).cast()
}

/// Frees an object.
pub(crate) fn free<T>(object: *mut T) {
    pool::free_pool_with_tag(object.cast::<c_void>(), TAG);
}

/// Runs something on every other processor; returns how many there are.
pub(crate) fn on_others(job: fn(&'static Processor)) -> u32 {
    let here = processor::current().index;
    let others = processor::all().iter().filter(|other| other.index != here);
    others
        .map(|&other| idle::post(other, Box::new(move || job(other))))
        .count()
        .try_into()
        .expect("counted by a u32")
}
