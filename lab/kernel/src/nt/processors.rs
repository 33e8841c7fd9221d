//! Processors as Windows counts them: by system-wide index, and by number
//! inside a group.

use alloc::vec::Vec;

use spin::Once;

use super::rules::Routine;
use super::status;
use super::structures::{PROCESSOR_NUMBER, field};
use crate::processor;

/// `ALL_PROCESSOR_GROUPS`.
const ALL_GROUPS: u16 = 0xFFFF;

/// `INVALID_PROCESSOR_INDEX`.
const INVALID_INDEX: u32 = 0xFFFF_FFFF;

/// Processors of each group. Indexes run through the groups in order.
static GROUPS: Once<Vec<u8>> = Once::new();

/// Sets the groups up.
pub fn initialize(groups: &[u8]) {
    GROUPS.call_once(|| groups.to_vec());
}

/// Processors of each group.
pub fn shape() -> Vec<u8> {
    groups().to_vec()
}

fn groups() -> &'static [u8] {
    GROUPS.get().expect("set up at boot")
}

/// Group and number of an index.
pub fn number(index: u32) -> Option<(u16, u8)> {
    let mut first = 0;
    for (group, &size) in (0..).zip(groups()) {
        if index < first + u32::from(size) {
            return Some((group, u8::try_from(index - first).expect("below a u8")));
        }
        first += u32::from(size);
    }
    None
}

/// Index of a group and number.
pub fn index(group: u16, number: u8) -> Option<u32> {
    let group = usize::from(group);
    let size = *groups().get(group)?;
    let first: u32 = groups()[..group].iter().map(|&size| u32::from(size)).sum();
    (number < size).then(|| first + u32::from(number))
}

fn count(group: u16) -> u32 {
    if group == ALL_GROUPS {
        return processor::count();
    }
    groups()
        .get(usize::from(group))
        .map_or(0, |&size| u32::from(size))
}

/// Index that a `PROCESSOR_NUMBER` names; its reserved byte must be zero.
pub fn index_of(number: PROCESSOR_NUMBER) -> Option<u32> {
    if number.Reserved != 0 {
        return None;
    }
    index(number.Group, number.Number)
}

fn to_structure((group, number): (u16, u8)) -> PROCESSOR_NUMBER {
    PROCESSOR_NUMBER {
        Group: group,
        Number: number,
        Reserved: 0,
    }
}

/// `KeQueryActiveProcessorCountEx`: any level.
pub extern "win64" fn query_active_count(group: u16) -> u32 {
    count(group)
}

/// `KeQueryMaximumProcessorCountEx`: any level. No processor is ever added.
pub extern "win64" fn query_maximum_count(group: u16) -> u32 {
    count(group)
}

/// `KeGetProcessorNumberFromIndex`: any level.
pub extern "win64" fn get_number_from_index(index: u32, result: *mut PROCESSOR_NUMBER) -> u32 {
    let result = Routine("KeGetProcessorNumberFromIndex").object("ProcNumber", result);
    match number(index) {
        Some(number) => {
            result.write(to_structure(number));
            status::SUCCESS
        }
        None => status::INVALID_PARAMETER,
    }
}

/// `KeGetProcessorIndexFromNumber`: any level.
pub extern "win64" fn get_index_from_number(number: *const PROCESSOR_NUMBER) -> u32 {
    let number = Routine("KeGetProcessorIndexFromNumber").object("ProcNumber", number);
    let number = PROCESSOR_NUMBER {
        Group: number.get(field!(PROCESSOR_NUMBER, Group)),
        Number: number.get(field!(PROCESSOR_NUMBER, Number)),
        Reserved: number.get(field!(PROCESSOR_NUMBER, Reserved)),
    };
    index_of(number).unwrap_or(INVALID_INDEX)
}

/// `KeGetCurrentProcessorNumberEx`: any level.
pub extern "win64" fn get_current_number(result: *mut PROCESSOR_NUMBER) -> u32 {
    let index = processor::current().index;
    if !result.is_null() {
        let result = Routine("KeGetCurrentProcessorNumberEx").object("ProcNumber", result);
        result.write(to_structure(number(index).expect("an active processor")));
    }
    index
}
