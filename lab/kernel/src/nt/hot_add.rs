//! Processors that come online while a driver runs, at a moment that a test chooses.

use lab_wire::HotAddPoint;

use super::processors;
use crate::base::lock::Lock;

/// Processors that are to come online, and after which call of the driver.
struct Plan {
    count: u32,
    after: HotAddPoint,
}

static PLAN: Lock<Option<Plan>> = Lock::new(None);

/// Brings processors online, now or after the driver's next call of a routine. Tells
/// whether as many are parked.
pub(crate) fn add(count: u32, after: Option<HotAddPoint>) -> bool {
    if count > processors::parked() {
        return false;
    }
    match after {
        None => processors::activate(count),
        Some(after) => *PLAN.lock() = Some(Plan { count, after }),
    }
    true
}

/// A routine has done its work for the driver.
pub(crate) fn reached(point: HotAddPoint) {
    let mut plan = PLAN.lock();
    if let Some(planned) = plan.take_if(|plan| plan.after == point) {
        processors::activate(planned.count);
    }
}
