//! How many processors there are, and which: the routines that tell a driver.

use lab_wire::HotAddPoint;

use super::processors::{self, Place};
use super::rules::Routine;
use super::structures::PROCESSOR_NUMBER;
use super::{hot_add, resources, status};
use crate::processor;

/// `ALL_PROCESSOR_GROUPS`.
const ALL_GROUPS: u16 = 0xFFFF;

/// `INVALID_PROCESSOR_INDEX`.
const INVALID_INDEX: u32 = 0xFFFF_FFFF;

/// How many of these belong to a group.
fn count(places: &[Place], group: u16) -> u32 {
    let counted = places
        .iter()
        .filter(|place| group == ALL_GROUPS || place.0 == group);
    u32::try_from(counted.count()).expect("counted by a u32")
}

/// Index that a `PROCESSOR_NUMBER` names; its reserved byte must be zero.
pub(crate) fn index_of(number: PROCESSOR_NUMBER) -> Option<u32> {
    if number.Reserved != 0 {
        return None;
    }
    processors::index(number.Group, number.Number)
}

fn to_structure((group, number): Place) -> PROCESSOR_NUMBER {
    PROCESSOR_NUMBER {
        Group: group,
        Number: number,
        Reserved: 0,
    }
}

/// `KeQueryActiveProcessorCountEx`: any level.
pub(crate) extern "win64" fn query_active_count(group: u16) -> u32 {
    let active = count(processors::online(), group);
    hot_add::reached(HotAddPoint::CountQueried);
    active
}

/// `KeQueryMaximumProcessorCountEx`: any level. Parked processors count.
pub(crate) extern "win64" fn query_maximum_count(group: u16) -> u32 {
    count(processors::places(), group)
}

/// `KeGetProcessorNumberFromIndex`: any level.
pub(crate) extern "win64" fn get_number_from_index(
    index: u32,
    result: *mut PROCESSOR_NUMBER,
) -> u32 {
    let result = Routine("KeGetProcessorNumberFromIndex").object("ProcNumber", result);
    let number = processors::number(index).filter(|_| !resources::are_exhausted());
    let status = match number {
        Some(number) => {
            result.write(to_structure(number));
            status::SUCCESS
        }
        None => status::INVALID_PARAMETER,
    };
    hot_add::reached(HotAddPoint::NumberQueried);
    status
}

/// `KeGetProcessorIndexFromNumber`: any level.
pub(crate) extern "win64" fn get_index_from_number(number: *const PROCESSOR_NUMBER) -> u32 {
    let number = Routine("KeGetProcessorIndexFromNumber").object("ProcNumber", number);
    index_of(number.read()).unwrap_or(INVALID_INDEX)
}

/// `KeGetCurrentProcessorNumberEx`: any level.
pub(crate) extern "win64" fn get_current_number(result: *mut PROCESSOR_NUMBER) -> u32 {
    let index = processor::current().index;
    if !result.is_null() {
        let result = Routine("KeGetCurrentProcessorNumberEx").object("ProcNumber", result);
        result.write(to_structure(
            processors::number(index).expect("an active processor"),
        ));
    }
    index
}
