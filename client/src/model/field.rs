//! The fields of a capture, each with its names: the one list that tables, lists of columns,
//! comparisons and reports go by.

use std::str::FromStr;

use amd_svm::segment::SegmentAttributes;

use super::{Capture, Snapshot};
use crate::render::{json, words};

/// A value that every capture has, or that the driver adds to it.
#[derive(Debug)]
pub(crate) struct Field {
    /// The name that users type and programs read: `tr.limit`.
    pub(crate) name: &'static str,
    /// The name over a column: `TR limit`.
    pub(crate) heading: &'static str,
    /// What stands side by side in a table has the same number.
    pub(crate) block: u8,
    /// Digits that are worth printing.
    digits: usize,
    pub(crate) kind: Kind,
    read: fn(&Capture) -> Option<u64>,
}

/// What a field's values have to do with each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The same on every processor of a healthy machine.
    Shared,
    /// Each processor's own, and no two alike.
    Own,
    /// Of what happens to run there.
    Passing,
    /// Always another.
    Clock,
}

macro_rules! segment {
    ($name:literal, $heading:literal, $field:ident, $block:literal, $limit:ident, $base:ident) => {
        [
            Field {
                name: concat!($name, ".selector"),
                heading: $heading,
                block: $block,
                digits: 4,
                kind: Kind::Shared,
                read: |capture| Some(capture.vmsave.$field.selector.into()),
            },
            Field {
                name: concat!($name, ".attrib"),
                heading: concat!($heading, " attributes"),
                block: $block,
                digits: 3,
                kind: Kind::Shared,
                read: |capture| Some(u16::from(capture.vmsave.$field.attributes).into()),
            },
            Field {
                name: concat!($name, ".limit"),
                heading: concat!($heading, " limit"),
                block: $block,
                digits: 8,
                kind: Kind::$limit,
                read: |capture| Some(capture.vmsave.$field.limit.into()),
            },
            Field {
                name: concat!($name, ".base"),
                heading: concat!($heading, " base"),
                block: $block,
                digits: 16,
                kind: Kind::$base,
                read: |capture| Some(capture.vmsave.$field.base),
            },
        ]
    };
}

macro_rules! register {
    ($name:literal, $heading:literal, $field:ident, $block:literal, $digits:literal, $kind:ident) => {
        Field {
            name: $name,
            heading: $heading,
            block: $block,
            digits: $digits,
            kind: Kind::$kind,
            read: |capture| Some(capture.vmsave.system_call.$field),
        }
    };
}

macro_rules! noted {
    ($name:literal, $heading:literal, $field:ident, $block:literal, $digits:literal, $kind:ident) => {
        Field {
            name: $name,
            heading: $heading,
            block: $block,
            digits: $digits,
            kind: Kind::$kind,
            read: |capture| capture.circumstances.map(|noted| noted.$field.into()),
        }
    };
}

const FS: [Field; 4] = segment!("fs", "FS", fs, 0, Shared, Passing);
const GS: [Field; 4] = segment!("gs", "GS", gs, 1, Shared, Own);
const LDTR: [Field; 4] = segment!("ldtr", "LDTR", ldtr, 2, Shared, Passing);
const TR: [Field; 4] = segment!("tr", "TR", tr, 3, Shared, Own);
const REGISTERS: [Field; 8] = [
    register!("star", "STAR", star, 4, 16, Shared),
    register!("lstar", "LSTAR", lstar, 4, 16, Shared),
    register!("cstar", "CSTAR", cstar, 4, 16, Shared),
    register!("sfmask", "SFMASK", sfmask, 5, 8, Shared),
    register!(
        "kernel_gs_base",
        "KernelGsBase",
        kernel_gs_base,
        6,
        16,
        Passing
    ),
    register!("sysenter_cs", "SYSENTER_CS", sysenter_cs, 7, 8, Shared),
    register!("sysenter_esp", "SYSENTER_ESP", sysenter_esp, 8, 16, Passing),
    register!("sysenter_eip", "SYSENTER_EIP", sysenter_eip, 9, 16, Shared),
];
const NOTED: [Field; 3] = [
    noted!("tsc", "TSC", tsc, 10, 16, Clock),
    noted!("efer_found", "EFER found", efer_found, 11, 8, Shared),
    noted!("efer_left", "EFER left", efer_left, 11, 8, Shared),
];

static PARTS: [&[Field]; 6] = [&FS, &GS, &LDTR, &TR, &REGISTERS, &NOTED];

/// Every field, in the order of the save area.
pub(crate) fn all() -> impl Iterator<Item = &'static Field> + Clone {
    PARTS.into_iter().flatten()
}

/// The field of this name.
pub(crate) fn named(name: &str) -> Option<&'static Field> {
    all().find(|field| field.name == name)
}

/// What a user typed for a field, or for the fields of a segment: `tr` stands for all that begins
/// with `tr.`.
#[derive(Clone, Debug)]
pub(crate) struct Choice(Vec<&'static Field>);

/// Text that names no field.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no such field; there are {}", names())]
pub(crate) struct UnknownField;

impl FromStr for Choice {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        let wanted = name.to_ascii_lowercase();
        let chosen: Vec<_> = all().filter(|field| field.answers_to(&wanted)).collect();
        if chosen.is_empty() {
            return Err(UnknownField);
        }
        Ok(Self(chosen))
    }
}

/// The one field of this name.
pub(crate) fn one(name: &str) -> Result<&'static Field, UnknownField> {
    named(&name.to_ascii_lowercase()).ok_or(UnknownField)
}

/// The fields of a list of choices, in its order; all if it is empty.
pub(crate) fn chosen(list: &[Choice]) -> Vec<&'static Field> {
    if list.is_empty() {
        return all().collect();
    }
    list.iter().flat_map(|choice| &choice.0).copied().collect()
}

fn names() -> String {
    all().map(|field| field.name).collect::<Vec<_>>().join(", ")
}

impl Field {
    fn answers_to(&self, wanted: &str) -> bool {
        self.name == wanted
            || self
                .name
                .strip_prefix(wanted)
                .is_some_and(|rest| rest.starts_with('.'))
    }

    /// The value, if the capture has it.
    pub(crate) fn of(&self, capture: &Capture) -> Option<u64> {
        (self.read)(capture)
    }

    /// The value as people read it: with its leading zeros, and attributes in words.
    pub(crate) fn print(&self, value: u64) -> String {
        let plain = self.number(value);
        match self.attributes(value) {
            Some(attributes) => format!("{plain} {}", words::attributes(attributes)),
            None => plain,
        }
    }

    /// The value as programs read it.
    pub(crate) fn number(&self, value: u64) -> String {
        json::padded(value, self.digits)
    }

    /// The value as attributes, if that is what it is.
    pub(crate) fn attributes(&self, value: u64) -> Option<SegmentAttributes> {
        self.name
            .ends_with(".attrib")
            .then(|| u16::try_from(value).ok())
            .flatten()
            .map(Into::into)
    }

    /// The value as people read it, with its place in the kernel if it is an entry point.
    pub(crate) fn describe(&self, value: u64, snapshot: &Snapshot) -> String {
        let plain = self.print(value);
        match self.place(value, snapshot) {
            Some(place) => format!("{plain} {place}"),
            None => plain,
        }
    }

    /// Where an entry point lies.
    pub(crate) fn place(&self, value: u64, snapshot: &Snapshot) -> Option<String> {
        const ENTRY_POINTS: [&str; 3] = ["lstar", "cstar", "sysenter_eip"];
        ENTRY_POINTS
            .contains(&self.name)
            .then(|| snapshot.symbolic(value))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_headings_are_unique_and_every_name_is_found() {
        let names: BTreeSet<_> = all().map(|field| field.name).collect();
        let headings: BTreeSet<_> = all().map(|field| field.heading).collect();
        assert_eq!((names.len(), headings.len()), (27, 27));
        for field in all() {
            assert_eq!(named(field.name).unwrap().heading, field.heading);
            assert_eq!(
                one(&field.name.to_ascii_uppercase()).unwrap().name,
                field.name
            );
        }
    }

    #[test]
    fn a_segments_name_stands_for_its_parts() {
        let names = |list: &[&str]| -> Vec<_> {
            let list: Vec<_> = list.iter().map(|name| name.parse().unwrap()).collect();
            chosen(&list).iter().map(|field| field.name).collect()
        };
        assert_eq!(
            names(&["tr", "lstar"]),
            ["tr.selector", "tr.attrib", "tr.limit", "tr.base", "lstar"]
        );
        for wrong in ["efer", "", "t", "tr.", "\u{1b}"] {
            assert!(wrong.parse::<Choice>().is_err(), "{wrong}");
        }
        assert!(one("tr").is_err());
    }
}
