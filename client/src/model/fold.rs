//! The same value on many processors, said once.

use super::table::Table;
use super::{ProcessorId, processor_list, sort};

/// A value with the processors that have it.
pub(crate) type Folded<T> = Vec<(T, Vec<ProcessorId>)>;

/// The values that occur, in the order in which they first do, each with where it does.
pub(crate) fn by_value<T: Clone + Ord>(
    values: impl IntoIterator<Item = (T, ProcessorId)>,
) -> Folded<T> {
    by_key(values, T::clone)
}

/// The same for values that are told apart by a key.
pub(crate) fn by_key<T, K: Ord>(
    values: impl IntoIterator<Item = (T, ProcessorId)>,
    key: impl Fn(&T) -> K,
) -> Folded<T> {
    let mut places = Table::new();
    let mut folded: Folded<T> = Vec::new();
    for (value, id) in values {
        let place = *places.get_or_insert_with(key(&value), || folded.len());
        match folded.get_mut(place) {
            Some((_, ids)) => ids.push(id),
            None => folded.push((value, vec![id])),
        }
    }
    folded
}

/// Sorts by how many processors have a value, most of them first.
pub(crate) fn most_first<T>(folded: &mut [(T, Vec<ProcessorId>)]) {
    sort::by_number(folded, |(_, ids)| u64::MAX - ids.len() as u64);
}

/// The value that more than half of the processors have. Two equal halves have none.
pub(crate) fn majority<T>(folded: &[(T, Vec<ProcessorId>)]) -> Option<&T> {
    let all: usize = folded.iter().map(|(_, ids)| ids.len()).sum();
    let (value, _) = folded.iter().find(|(_, ids)| 2 * ids.len() > all)?;
    Some(value)
}

/// `processor 3` or `processors 0-2,5`.
pub(crate) fn processors(ids: impl IntoIterator<Item = ProcessorId>) -> String {
    let indices: Vec<u32> = ids.into_iter().map(|id| id.index).collect();
    let noun = if indices.len() == 1 {
        "processor"
    } else {
        "processors"
    };
    format!("{noun} {}", processor_list::list_of(indices))
}
