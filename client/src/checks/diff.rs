//! What changed between two snapshots: the fields that differ, processors lined up.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    model::{
        Capture, ProcessorId, ProcessorSnapshot, Snapshot,
        field::{self, Field, Kind},
        fold,
    },
    render::json::Hex,
};

/// The differences between two snapshots, each with the processors that it was seen on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diff {
    /// Fields that changed, in the order of the save area.
    pub changes: Vec<Change>,
    /// What became of processors that have a capture in one snapshot only.
    pub processors: Vec<ProcessorChange>,
    /// Fields that were not compared, because a driver hid them.
    pub hidden: Vec<&'static str>,
}

/// A field that changed in one way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The field: `lstar`, `tr.limit`.
    pub field: &'static str,
    /// The processors on which it changed so.
    pub processors: Vec<ProcessorId>,
    /// The value in the first snapshot; none if it has none.
    pub before: Option<u64>,
    /// The value in the second snapshot; none if it has none.
    pub after: Option<u64>,
}

/// Processors that have a capture in one snapshot only, or refused for another reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessorChange {
    /// The processors.
    pub processors: Vec<ProcessorId>,
    /// What the first snapshot says of them.
    pub before: String,
    /// What the second snapshot says of them.
    pub after: String,
}

impl Diff {
    /// Compares everything but the time-stamp counter, which never stands still.
    #[must_use]
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        let fields: Vec<_> = field::all().collect();
        Self::of_fields(before, after, &fields)
    }

    /// Compares these fields, but for the time-stamp counter.
    pub(crate) fn of_fields(
        before: &Snapshot,
        after: &Snapshot,
        fields: &[&'static Field],
    ) -> Self {
        let pairs = line_up(before, after);
        let (hidden, compared): (Vec<&Field>, Vec<&Field>) = fields
            .iter()
            .filter(|field| field.kind != Kind::Clock)
            .partition(|field| before.hides(field.name) || after.hides(field.name));
        let changes = compared
            .into_iter()
            .flat_map(|field| changes_of(field, &pairs))
            .collect();
        let of_processors = pairs.iter().filter_map(|(id, [before, after])| {
            let words = (standing(*before), standing(*after));
            (words.0 != words.1).then_some((words, *id))
        });
        let processors = fold::by_value(of_processors)
            .into_iter()
            .map(|((before, after), processors)| ProcessorChange {
                processors,
                before,
                after,
            })
            .collect();
        Self {
            changes,
            processors,
            hidden: hidden.into_iter().map(|field| field.name).collect(),
        }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.processors.is_empty()
    }

    /// How many fields of processors changed, and how many processors did.
    pub(crate) fn count(&self) -> usize {
        let fields = self.changes.iter().map(|change| change.processors.len());
        let processors = self.processors.iter().map(|change| change.processors.len());
        fields.chain(processors).sum()
    }
}

type Pair<'a> = [Option<&'a ProcessorSnapshot>; 2];

/// The processors of both by index.
fn line_up<'a>(before: &'a Snapshot, after: &'a Snapshot) -> Vec<(ProcessorId, Pair<'a>)> {
    let mut pairs: BTreeMap<u32, (ProcessorId, Pair)> = BTreeMap::new();
    for processor in &before.processors {
        pairs.insert(processor.id.index, (processor.id, [Some(processor), None]));
    }
    for processor in &after.processors {
        let entry = pairs.entry(processor.id.index);
        let (_, [_, after]) = entry.or_insert((processor.id, [None, None]));
        *after = Some(processor);
    }
    pairs.into_values().collect()
}

/// What is said of a processor instead of its values.
fn standing(processor: Option<&ProcessorSnapshot>) -> String {
    match processor.map(|processor| processor.result) {
        None => "absent".to_owned(),
        Some(Ok(_)) => "captured".to_owned(),
        Some(Err(obstacle)) => format!("not captured: {obstacle}"),
    }
}

/// Where both have a capture: the changes of one field, equal ones together.
fn changes_of(field: &Field, pairs: &[(ProcessorId, Pair)]) -> Vec<Change> {
    let capture = |processor: Option<&ProcessorSnapshot>| -> Option<Capture> {
        processor.and_then(|processor| processor.result.ok())
    };
    let changed = pairs.iter().filter_map(|(id, [before, after])| {
        let before = field.of(&capture(*before)?);
        let after = field.of(&capture(*after)?);
        (before != after).then_some(((before, after), *id))
    });
    fold::by_value(changed)
        .into_iter()
        .map(|((before, after), processors)| Change {
            field: field.name,
            processors,
            before,
            after,
        })
        .collect()
}

/// A [`Diff`] as JSON tells it.
#[derive(Serialize)]
pub(crate) struct DiffMembers {
    changes: Vec<ChangeMembers>,
    processors: Vec<ProcessorChangeMembers>,
    not_compared: Vec<&'static str>,
}

#[derive(Serialize)]
struct ChangeMembers {
    field: &'static str,
    processors: Vec<u32>,
    before: Option<Hex<u64>>,
    after: Option<Hex<u64>>,
}

#[derive(Serialize)]
struct ProcessorChangeMembers {
    processors: Vec<u32>,
    before: String,
    after: String,
}

impl From<&Diff> for DiffMembers {
    fn from(diff: &Diff) -> Self {
        let indices = |ids: &[ProcessorId]| ids.iter().map(|id| id.index).collect();
        Self {
            changes: diff
                .changes
                .iter()
                .map(|change| ChangeMembers {
                    field: change.field,
                    processors: indices(&change.processors),
                    before: change.before.map(Hex),
                    after: change.after.map(Hex),
                })
                .collect(),
            processors: diff
                .processors
                .iter()
                .map(|change| ProcessorChangeMembers {
                    processors: indices(&change.processors),
                    before: change.before.clone(),
                    after: change.after.clone(),
                })
                .collect(),
            not_compared: diff.hidden.clone(),
        }
    }
}
