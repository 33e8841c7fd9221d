//! Using the lab's own routines as their documentation promises, and checking
//! what comes of it.

mod dpcs;
mod memory;
mod remains;
mod requests;
mod waits;

use alloc::boxed::Box;
use alloc::string::String;
use core::ffi::c_void;

use lab_wire::Exercise;

use crate::nt::pool;
use crate::processor::{self, Processor, idle};

/// A promise that was not kept.
pub struct Broken(pub String);

type Outcome = Result<(), Broken>;

/// Fails with a message unless a condition holds.
macro_rules! promise {
    ($kept:expr, $($message:tt)+) => {
        if !$kept {
            return Err($crate::control::exercise::Broken(alloc::format!($($message)+)));
        }
    };
}
use promise;

const TAG: u32 = u32::from_le_bytes(*b"Exer");

/// `POOL_FLAG_NON_PAGED`.
const NON_PAGED: u64 = 0x40;

/// Checks one promise.
pub fn perform(kind: Exercise) -> Outcome {
    match kind {
        Exercise::WaitTimesOut => waits::times_out(),
        Exercise::NotificationEvent => waits::notification_event(),
        Exercise::SynchronizationEvent => waits::synchronization_event(),
        Exercise::Mutex => waits::mutex(),
        Exercise::DpcTargets => dpcs::targets(),
        Exercise::DpcQueuedOnce => dpcs::queued_once(),
        Exercise::DpcOrder => dpcs::order(),
        Exercise::FlushWaits => dpcs::flush_waits(),
        Exercise::FloatingPoint => dpcs::floating_point(),
        Exercise::Pool => memory::pool(),
        Exercise::Contiguous => memory::contiguous(),
        Exercise::Nodes => memory::nodes(),
        Exercise::PendingRequest => requests::pending(),
        Exercise::DirectTransfer => requests::direct_transfer(),
        Exercise::PathBehindDevice => requests::path_behind_device(),
        Exercise::AccessDenied => requests::access_denied(),
        Exercise::UnwrittenOutput => requests::unwritten_output(),
        Exercise::ReportOfRemains => remains::reported(),
    }
}

/// A zeroed object in nonpaged pool; it is freed with [`free`].
fn allocate<T>() -> *mut T {
    pool::allocate_pool_2(NON_PAGED, size_of::<T>(), TAG).cast()
}

fn free<T>(object: *mut T) {
    pool::free_pool_with_tag(object.cast::<c_void>(), TAG);
}

/// Runs something on every other processor; returns how many there are.
fn on_others(job: fn(&'static Processor)) -> u32 {
    let here = processor::current().index;
    let others = processor::all().iter().filter(|other| other.index != here);
    others
        .map(|&other| idle::post(other, Box::new(move || job(other))))
        .count()
        .try_into()
        .expect("counted by a u32")
}
