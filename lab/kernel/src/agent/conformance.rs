//! Using the lab's own routines as their documentation says, and checking
//! the result.

mod dpcs;
pub(super) mod ensure;
mod memory;
mod reports;
mod requests;
mod waits;

use lab_wire::ConformanceCheck;

use ensure::Checked;
pub(super) use ensure::Unmet;

/// Makes one check.
pub(super) fn check(kind: ConformanceCheck) -> Checked {
    match kind {
        ConformanceCheck::WaitTimesOut => waits::times_out(),
        ConformanceCheck::NotificationEvent => waits::notification_event(),
        ConformanceCheck::SynchronizationEvent => waits::synchronization_event(),
        ConformanceCheck::Mutex => waits::mutex(),
        ConformanceCheck::DpcTargets => dpcs::targets(),
        ConformanceCheck::DpcQueuedOnce => dpcs::queued_once(),
        ConformanceCheck::DpcOrder => dpcs::order(),
        ConformanceCheck::FlushWaits => dpcs::flush_waits(),
        ConformanceCheck::FloatingPoint => dpcs::floating_point(),
        ConformanceCheck::Pool => memory::pool(),
        ConformanceCheck::Contiguous => memory::contiguous(),
        ConformanceCheck::Nodes => memory::nodes(),
        ConformanceCheck::PendingRequest => requests::pending(),
        ConformanceCheck::DirectTransfer => requests::direct_transfer(),
        ConformanceCheck::PathBehindDevice => requests::path_behind_device(),
        ConformanceCheck::AccessDenied => requests::access_denied(),
        ConformanceCheck::UnwrittenOutput => requests::unwritten_output(),
        ConformanceCheck::ReportComplete => reports::reported(),
    }
}
