//! Order by a number. The standard library's sort is compiled anew for each type of items, and so is the
//! collecting of a map or a set, which sorts: each time, that is more than client.exe's other code about
//! that type.

/// Sorts by a number; items with the same one stay in their order.
pub(crate) fn by_number<T>(items: &mut [T], number: impl Fn(&T) -> u64) {
    // What comes in that order needs none of the numbers kept.
    if !items.is_sorted_by_key(&number) {
        items.sort_by_cached_key(number);
    }
}

/// Each number once, in ascending order.
pub(crate) fn distinct(numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut numbers: Vec<u64> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Each item once, in ascending order: for items that are few, or come in that order.
pub(crate) fn few<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut sorted = Vec::new();
    for item in items {
        if let Err(at) = sorted.binary_search(&item) {
            sorted.insert(at, item);
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn items_are_ordered_by_number_and_then_as_before(
            items in prop::collection::vec((0_u64..8, any::<u8>()), 0..600)
        ) {
            let mut expected = items.clone();
            expected.sort_by_key(|(number, _)| *number);
            let mut sorted = items;
            by_number(&mut sorted, |(number, _)| *number);
            prop_assert_eq!(sorted, expected);
        }

        #[test]
        fn each_number_is_there_once(numbers in prop::collection::vec(0_u64..50, 0..200)) {
            let expected: std::collections::BTreeSet<_> = numbers.iter().copied().collect();
            let expected = Vec::from_iter(expected);
            prop_assert_eq!(distinct(numbers.iter().copied()), expected.clone());
            prop_assert_eq!(few(numbers), expected);
        }
    }
}
