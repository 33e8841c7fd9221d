//! Order by a number. The standard library's sort is compiled anew for each type of items, and so is the
//! collecting of a map or a set, which sorts: each time, that is more than client.exe's other code about
//! that type.

/// Sorts by a number; items with the same one stay in their order.
pub(crate) fn by_number<T>(items: &mut [T], number: impl Fn(&T) -> u64) {
    items.sort_by_cached_key(number);
}

/// Each number once, in ascending order.
pub(crate) fn distinct<N: Ord>(numbers: impl IntoIterator<Item = N>) -> Vec<N> {
    let mut numbers: Vec<N> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
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
        fn each_number_is_there_once(numbers in prop::collection::vec(0_u32..50, 0..200)) {
            let expected: std::collections::BTreeSet<_> = numbers.iter().copied().collect();
            prop_assert_eq!(distinct(numbers), Vec::from_iter(expected));
        }
    }
}
