//! What snapshots cost: figures of many, summed up.

use std::time::Duration;

use super::{Capture, Cycles, Driver, Snapshot};

/// What was measured, snapshot by snapshot.
#[derive(Default)]
pub(crate) struct Samples {
    snapshots: usize,
    cycles: Vec<Cycles>,
    skews: Vec<u64>,
    round_trips: Vec<u64>,
}

/// The samples, summed up.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) driver: Option<Driver>,
    pub(crate) snapshots: usize,
    /// Processors that were measured.
    pub(crate) processors: usize,
    pub(crate) cycles: Parts,
    /// Between the first capture of a snapshot and the last, in cycles.
    pub(crate) skew_cycles: Option<Spread>,
    /// From the request until the driver's reply.
    pub(crate) round_trip_nanoseconds: Option<Spread>,
}

/// The parts of a processor's work, over all processors and snapshots.
#[derive(Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) support_check: Spread,
    pub(crate) vmsave: Spread,
    pub(crate) restore: Spread,
    pub(crate) witness: Spread,
}

/// Where samples lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: u64,
    /// Of an even number, the lower of the two in the middle.
    pub(crate) median: u64,
    pub(crate) max: u64,
}

impl Samples {
    /// Adds a snapshot, and the time that the driver's answer took if it was asked.
    pub(crate) fn add(&mut self, snapshot: &Snapshot, round_trip: Option<Duration>) {
        let noted = |(_, capture): (_, &Capture)| capture.details?.cycles;
        self.snapshots += 1;
        self.cycles.extend(snapshot.captures().filter_map(noted));
        self.skews.extend(snapshot.skew());
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.round_trips.extend(round_trip.map(nanoseconds));
    }

    /// The sum, for the processors of the last snapshot; none if no capture has cycles.
    pub(crate) fn sum_up(self, last: &Snapshot) -> Option<Figures> {
        let part = |part: fn(&Cycles) -> u32| {
            let samples = self.cycles.iter().map(part).map(u64::from);
            Spread::of(samples.collect())
        };
        Some(Figures {
            driver: last.driver,
            snapshots: self.snapshots,
            processors: last.captures().count(),
            cycles: Parts {
                support_check: part(|cycles| cycles.support_check)?,
                vmsave: part(|cycles| cycles.vmsave)?,
                restore: part(|cycles| cycles.restore)?,
                witness: part(|cycles| cycles.witness)?,
            },
            skew_cycles: Spread::of(self.skews),
            round_trip_nanoseconds: Spread::of(self.round_trips),
        })
    }
}

impl Spread {
    fn of(mut samples: Vec<u64>) -> Option<Self> {
        samples.sort_unstable();
        Some(Self {
            min: *samples.first()?,
            median: *samples.get((samples.len() - 1) / 2)?,
            max: *samples.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_has_no_spread() {
        assert_eq!(Spread::of(Vec::new()), None);
    }

    proptest! {
        #[test]
        fn half_of_the_samples_lie_on_either_side_of_the_median(samples in proptest::collection::vec(any::<u64>(), 1..50)) {
            let spread = Spread::of(samples.clone()).unwrap();
            prop_assert_eq!(Some(&spread.min), samples.iter().min());
            prop_assert_eq!(Some(&spread.max), samples.iter().max());
            prop_assert!(samples.contains(&spread.median));
            let below = samples.iter().filter(|sample| **sample < spread.median).count();
            let above = samples.iter().filter(|sample| **sample > spread.median).count();
            prop_assert!(2 * below <= samples.len() && 2 * above <= samples.len());
        }
    }
}
