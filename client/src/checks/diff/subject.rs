//! One field on one processor: which registers have it on either side, and whether they say the same.

use amd_svm::witness;

use super::images::{Images, Meaning};
use super::{Comparison, Lack};
use crate::checks::has_swapped;
use crate::model::{Capture, Field, Snapshot};

/// A field on a processor, with the registers that have it on either side.
pub(super) struct Subject {
    field: Field,
    /// Where a guest is behind SWAPGS on one side only, the bases have changed places.
    registers: [Field; 2],
    /// The field whose part it plays: where both are behind SWAPGS, the other base.
    role: Field,
}

/// What becomes of a field on a processor.
pub(super) enum Outcome {
    Same,
    /// The same, but for the numbers.
    SameForm,
    Changed([u64; 2]),
    NotCompared(Lack),
    /// Entry points in kernels of two builds.
    OtherBuild([u64; 2]),
}

/// Whether equal numbers of a field say the same, on whichever processor they are: none can be one
/// that was taken out, of another register's meaning, or an address of which more than its number
/// counts.
pub(super) fn is_told_by_number(field: Field, sides: [&Snapshot; 2], images: &Images) -> bool {
    let mut sides = sides.iter();
    let is_base = matches!(field, Field::GsBase | Field::KernelGsBase);
    images.are_told_by_number(field)
        && sides.all(|side| !side.redacted.contains(&field) && (side.driver.is_some() || !is_base))
}

impl Subject {
    pub(super) fn new(
        field: Field,
        [before, after]: [&Snapshot; 2],
        [one, other]: [&Capture; 2],
        comparison: &Comparison,
    ) -> Self {
        let exchanged = match field {
            Field::GsBase => Field::KernelGsBase,
            Field::KernelGsBase => Field::GsBase,
            _ => field,
        };
        let (registers, role) = if exchanged == field || comparison.raw {
            ([field; 2], field)
        } else {
            match [has_swapped(before, one), has_swapped(after, other)] {
                [true, true] => ([field; 2], exchanged),
                [false, false] => ([field; 2], field),
                [true, false] => ([exchanged, field], field),
                [false, true] => ([field, exchanged], field),
            }
        };
        Self {
            field,
            registers,
            role,
        }
    }

    pub(super) fn compare(
        &self,
        [before, after]: [&Snapshot; 2],
        [one, other]: [&Capture; 2],
        images: &Images,
        comparison: &Comparison,
    ) -> Outcome {
        if !comparison.compares(self.field, self.role) {
            return Outcome::Same;
        }
        let [register, changed_to] = self.registers;
        let hides = || before.hides(register, one) || after.hides(changed_to, other);
        match [before.value(register, one), after.value(changed_to, other)] {
            [Some(value), Some(changed_to)] => {
                let is_passing = !comparison.insists_on(self.field)
                    && before.driver.is_none()
                    && after.driver.is_none()
                    && self.belongs_to_thread([one, other]);
                match self.compare_values([value, changed_to], [one, other], images, comparison) {
                    Outcome::Changed(_) if is_passing => Outcome::Same,
                    outcome => outcome,
                }
            }
            _ if hides() => Outcome::NotCompared(Lack::Hidden),
            [None, None] if self.is_missed([before, after], [one, other], comparison) => {
                Outcome::NotCompared(Lack::NotRecorded)
            }
            [None, None] => Outcome::Same,
            // Zero says nothing if the other side has no page at all.
            [Some(0), None] | [None, Some(0)]
                if matches!(self.field, Field::Page(_))
                    && one.pages.is_some() != other.pages.is_some() =>
            {
                Outcome::Same
            }
            _ => Outcome::NotCompared(Lack::OneSided),
        }
    }

    fn compare_values(
        &self,
        values: [u64; 2],
        [one, other]: [&Capture; 2],
        images: &Images,
        comparison: &Comparison,
    ) -> Outcome {
        let [value, changed_to] = values;
        let passing = if comparison.insists_on(self.field) {
            0
        } else {
            self.field.passing_bits()
        };
        let [register, other_register] = self.registers;
        let has_same_form =
            || canonical(register, one) == canonical(other_register, other) && value != changed_to;
        match images.meaning(self.role, values) {
            _ if comparison.raw && value == changed_to => Outcome::Same,
            _ if passing != 0 && (value ^ changed_to) & !passing == 0 => Outcome::Same,
            _ if comparison.raw => Outcome::Changed(values),
            Meaning::Same => Outcome::Same,
            _ if has_same_form() => Outcome::SameForm,
            Meaning::Other => Outcome::Changed(values),
            Meaning::MadeUp => Outcome::NotCompared(Lack::Anonymous),
            Meaning::OtherBuild => Outcome::OtherBuild(values),
        }
    }

    /// Whether other systems than Windows give the field to each thread or program: what Linux loads
    /// into FS, GS and LDTR is theirs, and without long mode GS base comes with the selector.
    fn belongs_to_thread(&self, captures: [&Capture; 2]) -> bool {
        let mut captures = captures.iter();
        match self.role {
            Field::GsBase => captures.any(|capture| !capture.is_in_long_mode()),
            role => role.is_of_fs_gs_or_ldtr(),
        }
    }

    /// Whether a field that neither side has is one that such a source may have, or that was asked
    /// for.
    fn is_missed(
        &self,
        sides: [&Snapshot; 2],
        captures: [&Capture; 2],
        comparison: &Comparison,
    ) -> bool {
        if !comparison.fields.is_empty() {
            return true;
        }
        match self.field {
            Field::Page(_) => false,
            Field::Tsc | Field::EferFound | Field::EferLeft => {
                sides.iter().all(|side| side.driver.is_some())
            }
            field if field.is_guests() => {
                let mut captures = captures.iter();
                captures.all(|one| one.pages.is_some() && one.vmcb().is_some())
            }
            _ => true,
        }
    }
}

fn canonical(field: Field, capture: &Capture) -> Option<u64> {
    match field.stored() {
        Some(stored) => Some(stored.read(&witness::canonical(&capture.vmsave))),
        None => field.of(capture),
    }
}
