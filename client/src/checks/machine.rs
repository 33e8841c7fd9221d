//! The machine as the rules see it: its captures sorted by what can be judged of them, and the
//! kernel among its modules.

use super::coverage::{Class, Extent, Kernel};
use super::{FindingId, modules};
use crate::model::fold::{self, Folded};
use crate::model::table::Table;
use crate::model::{Capture, Field, ProcessorId, Snapshot};

/// A capture with what can be judged of it.
pub(super) struct Subject<'a> {
    pub(super) id: ProcessorId,
    pub(super) capture: &'a Capture,
    pub(super) class: Class,
    judged: Rules,
    values: Values,
}

/// What a capture has of every field, read once for all rules.
struct Values {
    /// By the field's position; zero where there is nothing.
    numbers: [u64; Field::COUNT],
    /// Of which fields there is a value, as a set of bits.
    told: u64,
}

/// Some rules, as a set of bits.
type Rules = u64;

fn bit(rule: FindingId) -> Rules {
    1 << rule as u8
}

pub(super) struct Machine<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) kernel: Kernel<'a>,
    pub(super) classes: Table<Class, Vec<ProcessorId>>,
    subjects: Vec<Subject<'a>>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, insists_on_windows: bool) -> Self {
        let kernel = modules::doubted(&snapshot.modules);
        let mut classes: Table<Class, Vec<ProcessorId>> = Table::new();
        let mut judged_of: Table<Class, Rules> = Table::new();
        let mut subjects = Vec::with_capacity(snapshot.processors.len());
        for processor in &snapshot.processors {
            let id = processor.id;
            let capture = processor.result.as_ref().ok();
            let class = Class::of(snapshot, id, capture, insists_on_windows);
            classes.get_or_default(class).push(id);
            let judged = *judged_of.get_or_insert_with(class, || judged(&class, kernel));
            subjects.extend(capture.map(|capture| Subject {
                id,
                capture,
                class,
                judged,
                values: Values::of(capture, &class),
            }));
        }
        for id in snapshot.absent() {
            classes.get_or_default(Class::absent()).push(id);
        }
        Self {
            snapshot,
            kernel,
            classes,
            subjects,
        }
    }

    /// The captures of which a rule judges anything.
    pub(super) fn subjects(&self, rule: FindingId) -> impl Iterator<Item = &Subject<'a>> + '_ {
        let all = self.subjects.iter();
        all.filter(move |subject| subject.judged & bit(rule) != 0)
    }

    /// Whether the rules of Windows hold.
    pub(super) fn is_windows(&self) -> bool {
        self.classes.keys().any(Class::is_windows)
    }

    /// The values of a field that a rule may judge, each with its processors.
    pub(super) fn values(&self, rule: FindingId, field: Field) -> Folded<u64> {
        let values = self.subjects(rule).filter_map(|subject| {
            let value = subject.value(field)?;
            Some((value, subject.id))
        });
        fold::by_value(values)
    }
}

/// The rules that judge anything of such a capture.
fn judged(class: &Class, kernel: Kernel) -> Rules {
    FindingId::all()
        .filter(|rule| !matches!(class.extent(*rule, kernel), Extent::Not(_)))
        .fold(0, |rules, rule| rules | bit(rule))
}

impl Subject<'_> {
    /// The value of a field, or of the one that has its meaning in this mode; none if it is hidden
    /// or not there.
    pub(super) fn value(&self, field: Field) -> Option<u64> {
        self.own_value(self.class.judged_for(field))
    }

    /// The value of a field, whatever it means in this mode; none if it is hidden or not there.
    pub(super) fn own_value(&self, field: Field) -> Option<u64> {
        let position = field.position()?;
        let is_told = self.values.told >> position & 1 == 1;
        is_told.then(|| self.values.numbers[position])
    }
}

impl Values {
    fn of(capture: &Capture, class: &Class) -> Self {
        let mut values = Self {
            numbers: [0; Field::COUNT],
            told: 0,
        };
        for (position, (field, number)) in Field::all().zip(&mut values.numbers).enumerate() {
            if let Some(value) = field.of(capture).filter(|_| !class.is_hidden(field)) {
                *number = value;
                values.told |= 1 << position;
            }
        }
        values
    }
}
