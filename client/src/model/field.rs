//! The fields of a capture, each with its names: the one list that tables, lists of columns, rules,
//! comparisons and reports go by.

use std::{fmt, str::FromStr};

use amd_svm::{fields::VmsaveField, segment::SegmentAttributes};
use protocol::SnapshotRecord;

use super::{Capture, Snapshot};

/// What a field's values have to do with each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The same on every processor of a healthy machine.
    Shared,
    /// Each processor's own.
    Own,
    /// Of what happens to run there.
    Passing,
    /// Always another.
    Clock,
}

/// What is known about a field.
struct Entry {
    field: Field,
    name: &'static str,
    heading: &'static str,
    block: u8,
    digits: usize,
    kind: Kind,
    read: fn(&Capture) -> Option<u64>,
}

macro_rules! fields {
    ($($field:ident, $name:literal, $heading:literal, block $block:literal, $digits:literal digits,
       $kind:ident, $read:expr;)*) => {
        /// A value that every capture has, or that comes with it. Its name, as
        /// [`Display`](fmt::Display) writes it, never changes.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`")] $field,)*
        }

        static FIELDS: &[Entry] = &[$(Entry {
            field: Field::$field,
            name: $name,
            heading: $heading,
            block: $block,
            digits: $digits,
            kind: Kind::$kind,
            read: $read,
        },)*];
    };
}

fields! {
    FsSelector, "fs.selector", "FS", block 0, 4 digits, Shared,
        |capture| Some(capture.vmsave.fs.selector.into());
    FsAttrib, "fs.attrib", "FS attributes", block 0, 3 digits, Shared,
        |capture| Some(u16::from(capture.vmsave.fs.attributes).into());
    FsLimit, "fs.limit", "FS limit", block 0, 8 digits, Shared,
        |capture| Some(capture.vmsave.fs.limit.into());
    FsBase, "fs.base", "FS base", block 0, 16 digits, Passing,
        |capture| Some(capture.vmsave.fs.base);
    GsSelector, "gs.selector", "GS", block 1, 4 digits, Shared,
        |capture| Some(capture.vmsave.gs.selector.into());
    GsAttrib, "gs.attrib", "GS attributes", block 1, 3 digits, Shared,
        |capture| Some(u16::from(capture.vmsave.gs.attributes).into());
    GsLimit, "gs.limit", "GS limit", block 1, 8 digits, Shared,
        |capture| Some(capture.vmsave.gs.limit.into());
    GsBase, "gs.base", "GS base", block 1, 16 digits, Own,
        |capture| Some(capture.vmsave.gs.base);
    LdtrSelector, "ldtr.selector", "LDTR", block 2, 4 digits, Shared,
        |capture| Some(capture.vmsave.ldtr.selector.into());
    LdtrAttrib, "ldtr.attrib", "LDTR attributes", block 2, 3 digits, Shared,
        |capture| Some(u16::from(capture.vmsave.ldtr.attributes).into());
    LdtrLimit, "ldtr.limit", "LDTR limit", block 2, 8 digits, Own,
        |capture| Some(capture.vmsave.ldtr.limit.into());
    LdtrBase, "ldtr.base", "LDTR base", block 2, 16 digits, Own,
        |capture| Some(capture.vmsave.ldtr.base);
    TrSelector, "tr.selector", "TR", block 3, 4 digits, Shared,
        |capture| Some(capture.vmsave.tr.selector.into());
    TrAttrib, "tr.attrib", "TR attributes", block 3, 3 digits, Shared,
        |capture| Some(u16::from(capture.vmsave.tr.attributes).into());
    TrLimit, "tr.limit", "TR limit", block 3, 8 digits, Shared,
        |capture| Some(capture.vmsave.tr.limit.into());
    TrBase, "tr.base", "TR base", block 3, 16 digits, Own,
        |capture| Some(capture.vmsave.tr.base);
    Star, "star", "STAR", block 4, 16 digits, Shared,
        |capture| Some(capture.vmsave.system_call.star);
    Lstar, "lstar", "LSTAR", block 4, 16 digits, Shared,
        |capture| Some(capture.vmsave.system_call.lstar);
    Cstar, "cstar", "CSTAR", block 4, 16 digits, Shared,
        |capture| Some(capture.vmsave.system_call.cstar);
    Sfmask, "sfmask", "SFMASK", block 5, 8 digits, Shared,
        |capture| Some(capture.vmsave.system_call.sfmask);
    KernelGsBase, "kernel_gs_base", "KernelGsBase", block 6, 16 digits, Passing,
        |capture| Some(capture.vmsave.system_call.kernel_gs_base);
    SysenterCs, "sysenter_cs", "SYSENTER_CS", block 7, 8 digits, Shared,
        |capture| Some(capture.vmsave.system_call.sysenter_cs);
    SysenterEsp, "sysenter_esp", "SYSENTER_ESP", block 8, 16 digits, Own,
        |capture| Some(capture.vmsave.system_call.sysenter_esp);
    SysenterEip, "sysenter_eip", "SYSENTER_EIP", block 9, 16 digits, Shared,
        |capture| Some(capture.vmsave.system_call.sysenter_eip);
    Tsc, "tsc", "TSC", block 10, 16 digits, Clock,
        |capture| capture.details.map(|details| details.tsc);
    EferFound, "efer_found", "EFER found", block 11, 8 digits, Shared,
        |capture| capture.details.map(|details| details.efer_found.into());
    EferLeft, "efer_left", "EFER left", block 11, 8 digits, Shared,
        |capture| capture.details.map(|details| details.efer_left.into());
    Cpl, "cpl", "CPL", block 12, 1 digits, Passing,
        |capture| capture.guest.map(|guest| guest.cpl.into());
    Efer, "efer", "EFER", block 12, 8 digits, Shared,
        |capture| capture.guest.map(|guest| guest.efer.into());
    Cr0, "cr0", "CR0", block 12, 8 digits, Passing,
        |capture| capture.guest.map(|guest| guest.cr0);
    Cr4, "cr4", "CR4", block 12, 8 digits, Shared,
        |capture| capture.guest.map(|guest| guest.cr4);
}

/// Text that names no field.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no such field; there are {}", names())]
pub struct UnknownField;

/// What a user typed for a field, or for the fields of a segment: `tr` stands for all that begins
/// with `tr.`.
#[derive(Clone, Debug)]
pub(crate) struct Choice(Vec<Field>);

impl FromStr for Choice {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        let wanted = name.to_ascii_lowercase();
        let chosen: Vec<_> = Field::all()
            .filter(|field| field.answers_to(&wanted))
            .collect();
        if chosen.is_empty() {
            return Err(UnknownField);
        }
        Ok(Self(chosen))
    }
}

/// The fields of a list of choices, in its order. If it is empty all, but for those that only VMCB
/// pages have if no capture of the snapshot is one.
pub(crate) fn chosen(list: &[Choice], snapshot: &Snapshot) -> Vec<Field> {
    if !list.is_empty() {
        return listed(list);
    }
    let has_guests = snapshot
        .captures()
        .any(|(_, capture)| capture.guest.is_some());
    Field::all()
        .filter(|field| has_guests || !field.is_guests())
        .collect()
}

/// The fields of a list of choices, in its order.
pub(crate) fn listed(list: &[Choice]) -> Vec<Field> {
    list.iter().flat_map(|choice| &choice.0).copied().collect()
}

/// The fields that the driver takes out for a caller who may not see addresses.
pub(crate) fn redactable() -> impl Iterator<Item = Field> {
    SnapshotRecord::REDACTED_FIELDS
        .into_iter()
        .filter_map(Field::of_vmsave)
}

fn names() -> String {
    Field::all().map(Field::name).collect::<Vec<_>>().join(", ")
}

impl Field {
    /// The field of this name in the list of what VMSAVE stores: there is one for each.
    pub(crate) fn of_vmsave(field: VmsaveField) -> Option<Self> {
        field.name().parse().ok()
    }

    /// Every field, in the order of the save area.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        FIELDS.iter().map(|entry| entry.field)
    }

    /// The name that users type and programs read: `tr.limit`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The name over a column: `TR limit`.
    #[must_use]
    pub fn heading(self) -> &'static str {
        self.entry().heading
    }

    /// The value, if the capture has it.
    #[must_use]
    pub fn of(self, capture: &Capture) -> Option<u64> {
        (self.entry().read)(capture)
    }

    /// What stands side by side in a table has the same number.
    pub(crate) fn block(self) -> u8 {
        self.entry().block
    }

    /// Hexadecimal digits that are printed, in every form of output.
    pub(crate) fn digits(self) -> usize {
        self.entry().digits
    }

    pub(crate) fn kind(self) -> Kind {
        self.entry().kind
    }

    /// Whether only a VMCB page has it.
    fn is_guests(self) -> bool {
        matches!(self, Self::Cpl | Self::Efer | Self::Cr0 | Self::Cr4)
    }

    /// Whether the value is the address of an instruction of the kernel.
    pub(crate) fn is_entry_point(self) -> bool {
        matches!(self, Self::Lstar | Self::Cstar | Self::SysenterEip)
    }

    /// The value as attributes, if that is what it is.
    pub(crate) fn attributes(self, value: u64) -> Option<SegmentAttributes> {
        let is_attributes = matches!(
            self,
            Self::FsAttrib | Self::GsAttrib | Self::LdtrAttrib | Self::TrAttrib
        );
        is_attributes
            .then(|| u16::try_from(value).ok())
            .flatten()
            .map(Into::into)
    }

    /// Where an entry point lies: module and offset, if the module is known.
    pub(crate) fn place(self, value: u64, snapshot: &Snapshot) -> Option<String> {
        self.is_entry_point()
            .then(|| snapshot.symbolic(value))
            .flatten()
    }

    fn answers_to(self, wanted: &str) -> bool {
        self.name()
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    fn entry(self) -> &'static Entry {
        // The enumeration and the table come out of one list.
        &FIELDS[self as usize]
    }
}

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        Self::all()
            .find(|field| field.name().eq_ignore_ascii_case(name))
            .ok_or(UnknownField)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use amd_svm::{
        vmcb::VmsaveState,
        witness::{self, Witness},
    };

    use super::*;

    #[test]
    fn there_is_a_field_for_everything_that_vmsave_stores() {
        for field in VmsaveField::ALL {
            let found = Field::of_vmsave(field).map(Field::name);
            assert_eq!(found, Some(field.name()));
        }
    }

    #[test]
    fn names_and_headings_are_unique_and_every_name_is_found() {
        let names: BTreeSet<_> = Field::all().map(Field::name).collect();
        let headings: BTreeSet<_> = Field::all().map(Field::heading).collect();
        assert_eq!((names.len(), headings.len()), (31, 31));
        for field in Field::all() {
            assert_eq!(field.entry().field, field);
            assert_eq!(field.name().parse(), Ok(field));
            assert_eq!(field.name().to_ascii_uppercase().parse(), Ok(field));
        }
    }

    #[test]
    fn what_the_driver_compares_and_hides_are_fields() {
        let mut state = VmsaveState::default();
        let mut witness = Witness::default();
        for segment in [&mut state.fs, &mut state.gs, &mut state.tr] {
            segment.selector = 8;
            segment.attributes.set_present(true);
        }
        witness.fs_descriptor = 1 << 47;
        witness.gs_descriptor = 1 << 47;
        witness.tr_descriptor = [1 << 47, 0];
        let compared = witness::compare(&state, &witness).map(|comparison| comparison.field);
        let names: Vec<_> = compared.chain(SnapshotRecord::REDACTED_FIELDS).collect();
        assert_eq!(names.len(), 21 + 9);
        for field in names {
            assert!(Field::of_vmsave(field).is_some(), "{}", field.name());
        }
    }

    #[test]
    fn a_segments_name_stands_for_its_parts() {
        let names = |list: &[&str]| -> Vec<_> {
            let list: Vec<_> = list.iter().map(|name| name.parse().unwrap()).collect();
            listed(&list).iter().map(|field| field.name()).collect()
        };
        assert_eq!(
            names(&["tr", "lstar"]),
            ["tr.selector", "tr.attrib", "tr.limit", "tr.base", "lstar"]
        );
        for wrong in ["efe", "", "t", "tr.", "\u{1b}"] {
            assert!(wrong.parse::<Choice>().is_err(), "{wrong}");
        }
        assert!("tr".parse::<Field>().is_err());
    }
}
