//! Processors of both snapshots: lined up, and told of where one is all that is known.

use super::{Comparison, Lack, NotCompared, ProcessorChange};
use crate::checks::sorted;
use crate::model::table::Table;
use crate::model::{Capture, Disagreement, Field, ProcessorId, ProcessorSnapshot, Snapshot, fold};

/// A processor in both snapshots, as far as they have it.
pub(super) type Pair<'a> = [Option<&'a ProcessorSnapshot>; 2];

pub(super) fn capture(processor: Option<&ProcessorSnapshot>) -> Option<&Capture> {
    processor?.result.as_ref().ok()
}

/// The processors of both by index.
pub(super) fn line_up<'a>(
    before: &'a Snapshot,
    after: &'a Snapshot,
) -> Vec<(ProcessorId, Pair<'a>)> {
    let mut pairs: Table<u32, (ProcessorId, Pair)> = Table::new();
    for processor in &before.processors {
        pairs.insert(processor.id.index, (processor.id, [Some(processor), None]));
    }
    for processor in &after.processors {
        let absent = || (processor.id, [None, None]);
        let (_, [_, after]) = pairs.get_or_insert_with(processor.id.index, absent);
        *after = Some(processor);
    }
    pairs.into_iter().map(|(_, pair)| pair).collect()
}

/// What became of processors that have a capture in one snapshot only.
pub(super) fn changes(pairs: &[(ProcessorId, Pair)]) -> Vec<ProcessorChange> {
    let changed = pairs.iter().filter(|(_, [before, after])| {
        !matches!((capture(*before), capture(*after)), (Some(_), Some(_)))
    });
    let told = changed.filter_map(|(id, [before, after])| {
        let words = (standing(*before), standing(*after));
        (words.0 != words.1).then_some((words, *id))
    });
    folded(told.collect())
}

/// Where VMSAVE and what was read without it began, or ceased, to contradict each other, and where
/// one of the snapshots alone could tell.
pub(super) fn contradictions(
    [before, after]: [&Snapshot; 2],
    pairs: &[(ProcessorId, Pair)],
    comparison: &Comparison,
) -> (Vec<ProcessorChange>, Vec<ProcessorId>) {
    let fields = || {
        let is_asked_for =
            |field: &Field| comparison.fields.is_empty() || comparison.fields.contains(field);
        Field::all().filter(move |field| field.is_stored() && is_asked_for(field))
    };
    let mut told = Vec::new();
    let mut one_sided = Vec::new();
    for (id, [one, other]) in pairs {
        let (Some(one), Some(other)) = (capture(*one), capture(*other)) else {
            continue;
        };
        let is_hidden = |field| before.hides(field, one) || after.hides(field, other);
        let names = |all: Vec<Disagreement>| -> Vec<_> {
            if all.is_empty() {
                return Vec::new();
            }
            let is_there = |field: &Field| all.iter().any(|found| found.field == *field);
            let there = fields().filter(|field| is_there(field) && !is_hidden(*field));
            there.map(Field::name).collect()
        };
        match (
            before.disagreements(*id, one),
            after.disagreements(*id, other),
        ) {
            (Some(one), Some(other)) => {
                let [one, other] = [names(one), names(other)];
                if one != other {
                    told.push(((in_words(&one), in_words(&other)), *id));
                }
            }
            (None, None) => {}
            _ if fields().next().is_none() => {}
            _ => one_sided.push(*id),
        }
    }
    (folded(told), one_sided)
}

/// The names of fields in one line.
fn in_words(names: &[&str]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(",")
    }
}

/// The same of several processors, told once.
fn folded(told: Vec<((String, String), ProcessorId)>) -> Vec<ProcessorChange> {
    fold::by_value(told)
        .into_iter()
        .map(|((before, after), processors)| ProcessorChange {
            processors,
            before,
            after,
        })
        .collect()
}

/// What neither snapshot has of a processor, or has and says nothing.
pub(super) fn lacks(
    [before, after]: [&Snapshot; 2],
    pairs: &[(ProcessorId, Pair)],
    comparison: &Comparison,
) -> Vec<NotCompared> {
    let of_pairs = pairs.iter().filter_map(|(id, [one, other])| {
        let lack = match (capture(*one), capture(*other)) {
            (Some(one), Some(other)) => says_nothing(before, one)
                .filter(|lack| says_nothing(after, other) == Some(*lack))
                .filter(|lack| match lack {
                    Lack::Vmsa => comparison.fields.is_empty(),
                    _ => Field::all()
                        .any(|field| field.is_stored() && comparison.compares(field, field)),
                })?,
            (None, None) if standing(*one) == standing(*other) => Lack::NotCaptured,
            _ => return None,
        };
        Some((lack, *id))
    });
    let is_known = |id: &ProcessorId| {
        let known = pairs.binary_search_by_key(&id.index, |(one, _)| one.index);
        known.is_ok()
    };
    let mut absent = sorted([before.absent(), after.absent()].concat());
    absent.retain(|id| !is_known(id));
    let absent = absent.into_iter().map(|id| (Lack::NotInSnapshot, id));
    fold::by_value(of_pairs.chain(absent))
        .into_iter()
        .map(|(lack, processors)| NotCompared {
            field: None,
            lack,
            processors,
        })
        .collect()
}

/// Why a page's values, or those that it lacks, leave the guest's state open.
fn says_nothing(snapshot: &Snapshot, capture: &Capture) -> Option<Lack> {
    match capture.guest {
        // The driver runs in the kernel of a running Windows, whatever a file adds.
        _ if snapshot.driver.is_some() => None,
        Some(guest) if guest.vmsa => Some(Lack::Vmsa),
        Some(guest) if guest.encrypted => Some(Lack::Encrypted),
        _ => (capture.is_empty() && capture.tells_everything()).then_some(Lack::Empty),
    }
}

/// What is said of a processor instead of its values.
fn standing(processor: Option<&ProcessorSnapshot>) -> String {
    match processor.map(|processor| &processor.result) {
        None => "absent".to_owned(),
        Some(Ok(_)) => "captured".to_owned(),
        Some(Err(reason)) => format!("not captured: {reason}"),
    }
}
