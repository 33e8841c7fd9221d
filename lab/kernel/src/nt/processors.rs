//! Processors as Windows counts them: by system-wide index, and by number
//! inside a group.
//!
//! Indexes are given in the order in which processors come online. A processor that
//! is parked runs the lab's idle loop, and no routine knows it yet.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use lab_wire::Passage;
use spin::Once;

use super::rules::Routine;
use super::structures::PROCESSOR_NUMBER;
use super::{hot_add, resources, status};
use crate::processor;

/// `ALL_PROCESSOR_GROUPS`.
const ALL_GROUPS: u16 = 0xFFFF;

/// `INVALID_PROCESSOR_INDEX`.
const INVALID_INDEX: u32 = 0xFFFF_FFFF;

/// Group, and number inside it, of a processor.
pub type Place = (u16, u8);

/// Where each processor belongs, by index, parked ones last.
static PLACES: Once<Vec<Place>> = Once::new();

/// How many are online.
static ACTIVE: AtomicU32 = AtomicU32::new(0);

/// Sets the groups up, with the last processors parked.
pub fn initialize(places: Vec<Place>, parked: u32) {
    let count = u32::try_from(places.len()).expect("counted by a u32");
    PLACES.call_once(|| places);
    ACTIVE.store(count - parked, Ordering::SeqCst);
}

/// How many processors are online.
pub fn active() -> u32 {
    ACTIVE.load(Ordering::SeqCst)
}

/// How many are not.
pub fn parked() -> u32 {
    maximum(ALL_GROUPS) - active()
}

/// Brings the next processors online.
pub fn activate(count: u32) {
    ACTIVE.fetch_add(count, Ordering::SeqCst);
}

/// Active processors of each group.
pub fn shape() -> Vec<u8> {
    let mut shape = vec![
        0;
        places()
            .iter()
            .map(|place| place.0 + 1)
            .max()
            .unwrap_or(0)
            .into()
    ];
    for (group, _) in online() {
        shape[usize::from(*group)] += 1;
    }
    shape
}

fn places() -> &'static [Place] {
    PLACES.get().expect("set up at boot")
}

/// The places of the processors that are online.
fn online() -> &'static [Place] {
    &places()[..active() as usize]
}

/// Group and number of the active processor with an index.
pub fn number(index: u32) -> Option<Place> {
    online().get(index as usize).copied()
}

/// Index of the active processor with a group and number.
pub fn index(group: u16, number: u8) -> Option<u32> {
    let mut indexes = (0..).zip(online());
    indexes.find_map(|(index, place)| (*place == (group, number)).then_some(index))
}

/// How many of these belong to a group.
fn count(places: &[Place], group: u16) -> u32 {
    let counted = places
        .iter()
        .filter(|place| group == ALL_GROUPS || place.0 == group);
    u32::try_from(counted.count()).expect("counted by a u32")
}

fn maximum(group: u16) -> u32 {
    count(places(), group)
}

/// Index that a `PROCESSOR_NUMBER` names; its reserved byte must be zero.
pub fn index_of(number: PROCESSOR_NUMBER) -> Option<u32> {
    if number.Reserved != 0 {
        return None;
    }
    index(number.Group, number.Number)
}

fn to_structure((group, number): Place) -> PROCESSOR_NUMBER {
    PROCESSOR_NUMBER {
        Group: group,
        Number: number,
        Reserved: 0,
    }
}

/// `KeQueryActiveProcessorCountEx`: any level.
pub extern "win64" fn query_active_count(group: u16) -> u32 {
    let active = count(online(), group);
    hot_add::passed(Passage::CountQueried);
    active
}

/// `KeQueryMaximumProcessorCountEx`: any level. Parked processors count.
pub extern "win64" fn query_maximum_count(group: u16) -> u32 {
    maximum(group)
}

/// `KeGetProcessorNumberFromIndex`: any level.
pub extern "win64" fn get_number_from_index(index: u32, result: *mut PROCESSOR_NUMBER) -> u32 {
    let result = Routine("KeGetProcessorNumberFromIndex").object("ProcNumber", result);
    let number = number(index).filter(|_| !resources::are_exhausted());
    let status = match number {
        Some(number) => {
            result.write(to_structure(number));
            status::SUCCESS
        }
        None => status::INVALID_PARAMETER,
    };
    hot_add::passed(Passage::NumberAsked);
    status
}

/// `KeGetProcessorIndexFromNumber`: any level.
pub extern "win64" fn get_index_from_number(number: *const PROCESSOR_NUMBER) -> u32 {
    let number = Routine("KeGetProcessorIndexFromNumber").object("ProcNumber", number);
    index_of(number.read()).unwrap_or(INVALID_INDEX)
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
