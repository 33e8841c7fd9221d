//! The tree over which processors queue work for one another.

use core::ops::Range;

/// For how many others each processor queues the work.
const FAN_OUT: usize = 4;

/// The indexes that the processor with index `parent` queues the work for, of `count` processors.
///
/// The processors are a tree whose root has index 0. The thread queues work for the root alone, so
/// it takes no longer with more processors, and the last of a thousand has five before it.
///
/// ```
/// use svmsave_sync::children;
///
/// assert_eq!(children(0, 7), 1..5);
/// assert_eq!(children(1, 7), 5..7);
/// assert!(children(2, 7).is_empty());
/// ```
#[inline]
#[must_use]
pub fn children(parent: usize, count: usize) -> Range<usize> {
    let first = parent * FAN_OUT + 1;
    first..count.min(first + FAN_OUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parent of each index; the root has none.
    fn parents(count: usize) -> Vec<Option<usize>> {
        let mut parents = vec![None; count];
        for parent in 0..count {
            for child in children(parent, count) {
                assert!(parent < child, "{parent} queues for {child}");
                assert_eq!(parents[child].replace(parent), None, "{child} of {count}");
            }
        }
        parents
    }

    #[test]
    fn work_is_queued_once_for_every_processor_but_the_root() {
        for count in 0..300 {
            let parents = parents(count);
            let without = parents.iter().filter(|parent| parent.is_none()).count();
            assert_eq!(without, count.min(1), "{count}");
        }
    }

    #[test]
    fn the_last_of_a_thousand_processors_has_five_before_it() {
        let parents = parents(1000);
        let before = |index: usize| {
            core::iter::successors(parents[index], |parent| parents[*parent]).count()
        };
        assert_eq!(before(999), 5);
        assert_eq!((0..1000).map(before).max(), Some(5));
    }
}
