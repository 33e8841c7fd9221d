//! The difference of two saved snapshots, which are texts of JSON with a record separator (1Eh)
//! between: the other way round it is the same difference. Processors are the same by their index.

use client::{Change, Diff, Snapshot};

/// A difference in an order that does not depend on the snapshot which came first.
type Ordered = Vec<(&'static str, Vec<u32>, [u64; 2])>;

fn ordered(diff: &Diff, values: impl Fn(&Change) -> [u64; 2]) -> Ordered {
    let indices = |change: &Change| change.processors.iter().map(|id| id.index).collect();
    let mut ordered: Ordered = diff
        .changes
        .iter()
        .map(|change| (change.field.name(), indices(change), values(change)))
        .collect();
    ordered.sort_unstable();
    ordered
}

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let mut snapshots = bytes
        .split(|byte| *byte == 0x1E)
        .filter_map(|bytes| Snapshot::parse(bytes).ok());
    let Some(before) = snapshots.next() else {
        return;
    };
    assert!(Diff::between(&before, &before).is_empty());
    let Some(after) = snapshots.next() else {
        return;
    };
    let there = Diff::between(&before, &after);
    let back = Diff::between(&after, &before);
    assert_eq!(there.is_empty(), back.is_empty());
    assert_eq!(there.not_compared, back.not_compared);
    assert_eq!(
        ordered(&there, |change| [change.before, change.after]),
        ordered(&back, |change| [change.after, change.before])
    );
}
