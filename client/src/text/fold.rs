//! The same value on many processors, said once.

use crate::{ProcessorId, selection};

/// The values that occur, in the order in which they first do, each with where it does.
pub(crate) fn by_value<T: PartialEq>(
    values: impl IntoIterator<Item = (T, ProcessorId)>,
) -> Vec<(T, Vec<ProcessorId>)> {
    let mut folded: Vec<(T, Vec<ProcessorId>)> = Vec::new();
    for (value, id) in values {
        match folded.iter_mut().find(|(known, _)| *known == value) {
            Some((_, ids)) => ids.push(id),
            None => folded.push((value, vec![id])),
        }
    }
    folded
}

/// `processor 3` or `processors 0-2,5`.
pub(crate) fn processors(ids: impl IntoIterator<Item = ProcessorId>) -> String {
    let indices: Vec<u32> = ids.into_iter().map(|id| id.index).collect();
    let noun = if indices.len() == 1 {
        "processor"
    } else {
        "processors"
    };
    format!("{noun} {}", selection::list_of(indices))
}
