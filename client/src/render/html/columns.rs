//! The fields of a machine: which have one value that is told once, and which take a column.

use std::collections::BTreeMap;

use super::marks::Marks;
use crate::checks::Severity;
use crate::model::field::Kind;
use crate::model::{Capture, Field, ProcessorSnapshot, Snapshot, sort};
use crate::render::{value, words};

/// A field that some capture has.
pub(super) struct Column {
    pub(super) field: Field,
    /// The worst finding about it.
    pub(super) worst: Option<Severity>,
    /// Its values, each as it is written wherever it is seen.
    written: BTreeMap<u64, Written>,
    /// Whether it is hidden somewhere.
    is_hidden: bool,
    /// Whether some capture lacks it.
    is_partial: bool,
}

/// A value as it is written, in HTML.
pub(super) struct Written {
    pub(super) number: String,
    /// The value in words, or its place; empty if there is neither.
    pub(super) words: String,
    /// The same for a reader who does not know the short words; empty if they are all there is.
    pub(super) details: String,
}

/// What is written of a field on a processor.
pub(super) enum Cell<'a> {
    Value(&'a Written),
    Hidden,
    Absent,
}

impl Column {
    fn new(snapshot: &Snapshot, field: Field, marks: &Marks) -> Option<Self> {
        let mut column = Self {
            field,
            worst: marks.worst(field),
            written: BTreeMap::new(),
            is_hidden: false,
            is_partial: false,
        };
        for (_, capture) in snapshot.captures() {
            match field.of(capture) {
                None => column.is_partial = true,
                Some(_) if snapshot.hides(field, capture) => column.is_hidden = true,
                Some(number) => {
                    column.written.entry(number).or_insert_with(|| {
                        let details = field.attributes(number).map(words::explain);
                        let words = words::value(field, number);
                        let place = field.place(number, snapshot);
                        Written {
                            number: value::number(field, number),
                            words: escaped(&words.or(place).unwrap_or_default()),
                            details: details.unwrap_or_default(),
                        }
                    });
                }
            }
        }
        (column.is_hidden || !column.written.is_empty()).then_some(column)
    }

    /// Whether all captures tell the same of the field, and no finding is about it.
    fn is_same(&self) -> bool {
        self.worst.is_none()
            && !self.is_partial
            && self.written.len() + usize::from(self.is_hidden) == 1
    }

    pub(super) fn cell(&self, snapshot: &Snapshot, capture: &Capture) -> Cell<'_> {
        match self.field.of(capture) {
            None => Cell::Absent,
            Some(_) if snapshot.hides(self.field, capture) => Cell::Hidden,
            Some(number) => self.written.get(&number).map_or(Cell::Absent, Cell::Value),
        }
    }

    /// What is told of all captures, of a field that is the same everywhere.
    pub(super) fn only(&self) -> Cell<'_> {
        let only = self.written.values().next();
        only.map_or(Cell::Hidden, Cell::Value)
    }

    /// How many different values there are.
    pub(super) fn values(&self) -> usize {
        self.written.len()
    }

    /// Whether values differ without saying anything of the machine.
    pub(super) fn is_passing(&self) -> bool {
        self.worst.is_none() && matches!(self.field.kind(), Kind::Passing | Kind::Clock)
    }

    pub(super) fn is_of_segment(&self) -> bool {
        self.field.block() <= 3
    }

    /// Where it stands: by what is found, entry points before other registers, segments last; clocks
    /// stand behind everything about which as much is found.
    fn rank(&self) -> u64 {
        const PARTS: u64 = 4;
        let field = self.field;
        let part = match field.block() {
            _ if field.is_entry_point() => 0,
            4..=9 => 1,
            0..=3 => 3,
            _ => 2,
        };
        let severity = match self.worst {
            Some(severity) => severity as u64,
            None => Severity::Notice as u64 + 1,
        };
        let is_clock = u64::from(field.kind() == Kind::Clock);
        (severity * 2 + is_clock) * PARTS + part
    }
}

/// The fields in the order in which they are told: those that are the same everywhere, and those that
/// take a column.
pub(super) fn columns(snapshot: &Snapshot, marks: &Marks) -> (Vec<Column>, Vec<Column>) {
    let mut all: Vec<Column> = Field::all()
        .filter_map(|field| Column::new(snapshot, field, marks))
        .collect();
    sort::by_number(&mut all, Column::rank);
    all.into_iter().partition(Column::is_same)
}

/// The capture of a processor, if there is one.
pub(super) fn capture(processor: &ProcessorSnapshot) -> Option<&Capture> {
    processor.result.as_ref().ok()
}

/// Text that stays text in HTML, in an attribute too.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
