//! Using the lab's own routines as their documentation says, and checking
//! what comes of it.

mod dpcs;
pub mod ensure;
mod memory;
mod remains;
mod requests;
mod waits;

use lab_wire::Exercise;

use ensure::Checked;
pub use ensure::Unmet;

/// Makes one check.
pub fn check(kind: Exercise) -> Checked {
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
