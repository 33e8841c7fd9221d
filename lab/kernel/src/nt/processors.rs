//! Processors as Windows counts them: by system-wide index, and by number
//! inside a group.
//!
//! Indexes are given in the order in which processors come online. A processor that
//! is parked runs the lab's idle loop, and no routine knows it yet.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

use spin::Once;

/// Group, and number inside it, of a processor.
pub(crate) type Place = (u16, u8);

/// Where each processor belongs, by index, parked ones last.
static PLACES: Once<Vec<Place>> = Once::new();

/// How many are online.
static ACTIVE: AtomicU32 = AtomicU32::new(0);

/// Sets the groups up, with the last processors parked.
pub(crate) fn initialize(places: Vec<Place>, parked: u32) {
    let count = u32::try_from(places.len()).expect("counted by a u32");
    PLACES.call_once(|| places);
    ACTIVE.store(count - parked, Ordering::SeqCst);
}

/// How many processors are online.
pub(crate) fn active() -> u32 {
    ACTIVE.load(Ordering::SeqCst)
}

/// How many are not.
pub(crate) fn parked() -> u32 {
    u32::try_from(places().len()).expect("counted by a u32") - active()
}

/// Brings the next processors online.
pub(crate) fn activate(count: u32) {
    ACTIVE.fetch_add(count, Ordering::SeqCst);
}

/// Active processors of each group.
pub(crate) fn shape() -> Vec<u8> {
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

/// The places of all processors, by index.
pub(crate) fn places() -> &'static [Place] {
    PLACES.get().expect("set up at boot")
}

/// The places of the processors that are online, by index.
pub(crate) fn online() -> &'static [Place] {
    &places()[..active() as usize]
}

/// Group and number of the active processor with an index.
pub(crate) fn number(index: u32) -> Option<Place> {
    online().get(index as usize).copied()
}

/// Index of the active processor with a group and number.
pub(crate) fn index(group: u16, number: u8) -> Option<u32> {
    let mut indexes = (0..).zip(online());
    indexes.find_map(|(index, place)| (*place == (group, number)).then_some(index))
}
