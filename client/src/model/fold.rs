//! The same value on many processors, said once.

use std::collections::BTreeMap;

use super::{ProcessorId, processor_list};

/// The values that occur, in the order in which they first do, each with where it does.
pub(crate) fn by_value<T: Clone + Ord>(
    values: impl IntoIterator<Item = (T, ProcessorId)>,
) -> Vec<(T, Vec<ProcessorId>)> {
    by_key(values, T::clone)
}

/// The same for values that are told apart by a key.
pub(crate) fn by_key<T, K: Ord>(
    values: impl IntoIterator<Item = (T, ProcessorId)>,
    key: impl Fn(&T) -> K,
) -> Vec<(T, Vec<ProcessorId>)> {
    let mut places = BTreeMap::new();
    let mut folded: Vec<(T, Vec<ProcessorId>)> = Vec::new();
    for (value, id) in values {
        let place = *places.entry(key(&value)).or_insert(folded.len());
        match folded.get_mut(place) {
            Some((_, ids)) => ids.push(id),
            None => folded.push((value, vec![id])),
        }
    }
    folded
}

/// The value that most processors have; of several the one that comes first.
pub(crate) fn majority<T>(folded: &[(T, Vec<ProcessorId>)]) -> Option<&T> {
    let most = folded.iter().rev().max_by_key(|(_, ids)| ids.len());
    most.map(|(value, _)| value)
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
