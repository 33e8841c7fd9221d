//! Adding up what tests made go wrong on purpose, and what of it the driver survived.

use std::collections::BTreeMap;
use std::fmt;

/// What a test prints for each kind of thing that it made go wrong:
/// `tally: injected faults: 36 points, 36 survived, 0 left over`.
const MARK: &str = "tally: ";

/// Counts of one kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct FaultTally {
    points: u64,
    survived: u64,
    left_over: u64,
}

impl FaultTally {
    fn parse(counts: &str) -> Option<Self> {
        let mut tally = Self::default();
        for count in counts.split(", ") {
            let (number, what) = count.split_once(' ')?;
            let place = match what {
                "points" => &mut tally.points,
                "survived" => &mut tally.survived,
                "left over" => &mut tally.left_over,
                _ => return None,
            };
            *place = number.parse().ok()?;
        }
        Some(tally)
    }

    /// What speaks against the driver, if anything does.
    pub(crate) fn violation(self) -> Option<String> {
        let all = self.points > 0 && self.survived == self.points && self.left_over == 0;
        (!all).then(|| self.to_string())
    }
}

impl fmt::Display for FaultTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            points,
            survived,
            left_over,
        } = self;
        write!(
            f,
            "{points} points, {survived} survived, {left_over} left over"
        )
    }
}

/// The sum for each kind, of all that tests printed.
pub(crate) fn add_up(output: &str) -> BTreeMap<&str, FaultTally> {
    let mut sums = BTreeMap::<&str, FaultTally>::new();
    let lines = output.lines().filter_map(|line| line.strip_prefix(MARK));
    for (what, counts) in lines.filter_map(|line| line.split_once(": ")) {
        // A line that says something else counts as a point that was not survived.
        let counted = FaultTally::parse(counts).unwrap_or(FaultTally {
            points: 1,
            ..FaultTally::default()
        });
        let sum = sums.entry(what).or_default();
        sum.points += counted.points;
        sum.survived += counted.survived;
        sum.left_over += counted.left_over;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "---- one stdout ----\n\
        tally: injected faults: 36 points, 36 survived, 0 left over\n\
        tally: low resources: 9 points, 9 survived, 0 left over\n\
        tally: injected faults: 60 points, 60 survived, 0 left over\n";

    #[test]
    fn lines_of_a_kind_are_added_up() {
        let sums = add_up(OUTPUT);
        let told: Vec<String> = sums
            .iter()
            .map(|(what, sum)| format!("{what}: {sum}"))
            .collect();
        assert_eq!(
            told,
            [
                "injected faults: 96 points, 96 survived, 0 left over",
                "low resources: 9 points, 9 survived, 0 left over",
            ]
        );
        assert!(sums.values().all(|sum| sum.violation().is_none()));
    }

    #[test]
    fn whatever_is_not_survived_or_left_or_unreadable_is_told() {
        for line in [
            "tally: a: 2 points, 1 survived, 0 left over",
            "tally: a: 2 points, 2 survived, 1 left over",
            "tally: a: 0 points, 0 survived, 0 left over",
            "tally: a: two points",
        ] {
            assert!(add_up(line)["a"].violation().is_some(), "{line}");
        }
    }
}
