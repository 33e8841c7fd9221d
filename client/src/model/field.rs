//! The fields of a capture, each with its names: the one list that tables, lists of columns, rules,
//! comparisons and reports go by.

mod names;
mod parts;

use std::fmt;
use std::str::FromStr;

use amd_svm::descriptor::Descriptor;
use amd_svm::fields::{FieldKind, SegmentPart, SegmentRegister, VmsaveField};
use amd_svm::msr::Msr;
use amd_svm::segment::SegmentAttributes;
use amd_svm::vmcb::{SAVE_AREA_OFFSET, VmsaveState};
use protocol::SnapshotRecord;

pub use self::names::UnknownField;
pub use self::parts::PageField;
use super::{Capture, Snapshot};

/// What stands beside parts of pages in a table: nothing but other parts.
const PAGE_BLOCK: u8 = u8::MAX;

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
    source: Source,
    heading: &'static str,
    block: u8,
    digits: usize,
    kind: Kind,
}

/// Where a value comes from.
enum Source {
    /// VMSAVE stored it: the list of what it stores has the name.
    Stored(VmsaveField),
    /// It came beside what VMSAVE stored.
    Beside {
        name: &'static str,
        read: fn(&Capture) -> Option<u64>,
    },
}

macro_rules! fields {
    (
        stored {
            $($stored:ident = $of:ident, $stored_heading:literal, block $stored_block:literal,
              $stored_digits:literal digits, $stored_kind:ident;)*
        }
        beside {
            $($beside:ident = $name:literal, $heading:literal, block $block:literal,
              $digits:literal digits, $kind:ident, $read:expr;)*
        }
    ) => {
        /// A value that every capture has, or that comes with it. Its name, as
        /// [`Display`](fmt::Display) writes it, never changes.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Field {
            $(#[doc = concat!("What VMSAVE stores as [`VmsaveField::", stringify!($of), "`].")]
            $stored,)*
            $(#[doc = concat!("`", $name, "`")] $beside,)*
            /// A part of a page that VMSAVE does not store.
            Page(PageField),
        }

        /// Those with a name in this file, for their places in the table.
        #[derive(Clone, Copy)]
        enum Named {
            $($stored,)*
            $($beside,)*
        }

        impl Field {
            /// How many have a place in the table.
            pub(crate) const COUNT: usize =
                [$(Named::$stored as usize,)* $(Named::$beside as usize,)*].len();

            /// The place in the table; none of a part of a page.
            pub(crate) const fn position(self) -> Option<usize> {
                Some(match self {
                    $(Self::$stored => Named::$stored as usize,)*
                    $(Self::$beside => Named::$beside as usize,)*
                    Self::Page(_) => return None,
                })
            }
        }

        static FIELDS: &[Entry] = &[
            $(Entry {
                field: Field::$stored,
                source: Source::Stored(VmsaveField::$of),
                heading: $stored_heading,
                block: $stored_block,
                digits: $stored_digits,
                kind: Kind::$stored_kind,
            },)*
            $(Entry {
                field: Field::$beside,
                source: Source::Beside { name: $name, read: $read },
                heading: $heading,
                block: $block,
                digits: $digits,
                kind: Kind::$kind,
            },)*
        ];

        impl From<VmsaveField> for Field {
            fn from(field: VmsaveField) -> Self {
                match field {
                    $(VmsaveField::$of => Self::$stored,)*
                }
            }
        }
    };
}

fields! {
    stored {
        FsSelector = FsSelector, "FS", block 0, 4 digits, Shared;
        FsAttrib = FsAttributes, "FS attributes", block 0, 3 digits, Shared;
        FsLimit = FsLimit, "FS limit", block 0, 8 digits, Shared;
        FsBase = FsBase, "FS base", block 0, 16 digits, Passing;
        GsSelector = GsSelector, "GS", block 1, 4 digits, Shared;
        GsAttrib = GsAttributes, "GS attributes", block 1, 3 digits, Shared;
        GsLimit = GsLimit, "GS limit", block 1, 8 digits, Shared;
        GsBase = GsBase, "GS base", block 1, 16 digits, Own;
        LdtrSelector = LdtrSelector, "LDTR", block 2, 4 digits, Shared;
        LdtrAttrib = LdtrAttributes, "LDTR attributes", block 2, 3 digits, Shared;
        LdtrLimit = LdtrLimit, "LDTR limit", block 2, 8 digits, Own;
        LdtrBase = LdtrBase, "LDTR base", block 2, 16 digits, Own;
        TrSelector = TrSelector, "TR", block 3, 4 digits, Shared;
        TrAttrib = TrAttributes, "TR attributes", block 3, 3 digits, Shared;
        TrLimit = TrLimit, "TR limit", block 3, 8 digits, Shared;
        TrBase = TrBase, "TR base", block 3, 16 digits, Own;
        Star = Star, "STAR", block 4, 16 digits, Shared;
        Lstar = Lstar, "LSTAR", block 4, 16 digits, Shared;
        Cstar = Cstar, "CSTAR", block 4, 16 digits, Shared;
        Sfmask = Sfmask, "SFMASK", block 5, 8 digits, Shared;
        KernelGsBase = KernelGsBase, "KernelGsBase", block 6, 16 digits, Passing;
        SysenterCs = SysenterCs, "SYSENTER_CS", block 7, 8 digits, Shared;
        SysenterEsp = SysenterEsp, "SYSENTER_ESP", block 8, 16 digits, Own;
        SysenterEip = SysenterEip, "SYSENTER_EIP", block 9, 16 digits, Shared;
    }
    beside {
        Tsc = "tsc", "TSC", block 10, 16 digits, Clock,
            |capture| capture.details.map(|details| details.tsc);
        EferFound = "efer_found", "EFER found", block 11, 8 digits, Shared,
            |capture| capture.details.map(|details| details.efer_found.into());
        EferLeft = "efer_left", "EFER left", block 11, 8 digits, Shared,
            |capture| capture.details.map(|details| details.efer_left.into());
        Cpl = "cpl", "CPL", block 12, 1 digits, Passing,
            |capture| capture.of_guest("cpl", |guest| guest.cpl.into());
        Efer = "efer", "EFER", block 12, 8 digits, Shared,
            |capture| capture.of_guest("efer", |guest| guest.efer.into());
        Cr0 = "cr0", "CR0", block 12, 8 digits, Passing,
            |capture| capture.of_guest("cr0", |guest| guest.cr0);
        Cr4 = "cr4", "CR4", block 12, 8 digits, Shared,
            |capture| capture.of_guest("cr4", |guest| guest.cr4);
    }
}

/// What a user typed for a field, or for the fields of a segment: `tr` stands for all that begins
/// with `tr.`.
#[derive(Clone, Debug)]
pub(crate) struct Choice(Vec<Field>);

impl FromStr for Choice {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        names::find(name).map(Self)
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
        .any(|(_, capture)| capture.vmcb().is_some());
    Field::all()
        .filter(|field| has_guests || !field.is_guests())
        .collect()
}

/// The fields of a list of choices, in its order, each once.
pub(crate) fn listed(list: &[Choice]) -> Vec<Field> {
    let mut fields = Vec::new();
    for field in list.iter().flat_map(|choice| &choice.0) {
        if !fields.contains(field) {
            fields.push(*field);
        }
    }
    fields
}

/// The fields that the driver takes out for a caller who may not see addresses.
pub(crate) fn redactable() -> impl Iterator<Item = Field> {
    SnapshotRecord::REDACTED_FIELDS.into_iter().map(Field::from)
}

impl Field {
    /// Every field that a snapshot of the driver can have, and the mode of a guest, in the order of
    /// the save area.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        FIELDS.iter().map(|entry| entry.field)
    }

    /// Every other part of a VMCB and of a save area, in the order of their offsets.
    pub fn of_pages() -> impl Iterator<Item = Self> + Clone {
        PageField::all().map(Self::Page)
    }

    /// The name that users type and programs read: `tr.limit`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.entry() {
            Ok(entry) => match entry.source {
                Source::Stored(field) => field.name(),
                Source::Beside { name, .. } => name,
            },
            Err(part) => part.name(),
        }
    }

    /// The name over a column: `TR limit`.
    #[must_use]
    pub fn heading(self) -> &'static str {
        self.entry()
            .map_or_else(PageField::name, |entry| entry.heading)
    }

    /// The value, if the capture has it.
    #[must_use]
    pub fn of(self, capture: &Capture) -> Option<u64> {
        let entry = match self.entry() {
            Ok(entry) => entry,
            Err(part) => return part.of(capture.pages.as_deref()?),
        };
        match (&entry.source, &capture.pages) {
            (Source::Stored(field), None) => Some(field.read(&capture.vmsave)),
            (Source::Stored(field), Some(pages)) => {
                let in_vmcb = field.offset()..field.offset() + field.size();
                let start = field.offset() - SAVE_AREA_OFFSET;
                pages.number(Some(&in_vmcb), Some(&(start..start + field.size())))
            }
            (Source::Beside { read, .. }, _) => read(capture),
        }
    }

    /// The same register or base as it was read without VMSAVE, if it was.
    pub(crate) fn of_witness(self, capture: &Capture) -> Option<u64> {
        let field = self.stored()?;
        let witness = capture.witness()?;
        let descriptor = |[low, high]: [u64; 2]| Descriptor { low, high };
        Some(match field {
            VmsaveField::FsBase => witness.fs_base,
            VmsaveField::GsBase => witness.gs_base,
            VmsaveField::TrBase => descriptor(witness.tr_descriptor).base(),
            _ => match field.kind() {
                FieldKind::Register(_) => field.read(&VmsaveState {
                    system_call: witness.system_call,
                    ..VmsaveState::default()
                }),
                FieldKind::Segment(..) => return None,
            },
        })
    }

    /// The field as VMSAVE stores it, if it does.
    pub(crate) fn stored(self) -> Option<VmsaveField> {
        match self.entry().ok()?.source {
            Source::Stored(field) => Some(field),
            Source::Beside { .. } => None,
        }
    }

    fn stored_kind(self) -> Option<FieldKind> {
        self.stored().map(VmsaveField::kind)
    }

    /// What stands side by side in a table has the same number.
    pub(crate) fn block(self) -> u8 {
        self.entry().map_or(PAGE_BLOCK, |entry| entry.block)
    }

    /// Hexadecimal digits that are printed, in every form of output.
    pub(crate) fn digits(self) -> usize {
        self.entry()
            .map_or_else(|part| 2 * part.width(), |entry| entry.digits)
    }

    pub(crate) fn kind(self) -> Kind {
        match self.entry() {
            Ok(entry) => entry.kind,
            Err(part) if part.is_passing() => Kind::Passing,
            Err(_) => Kind::Own,
        }
    }

    /// The bits that change with what runs, of a field the rest of which does not.
    ///
    /// Source: APM volume 2, sections 3.1.1 (CR0) and 3.1.3 (CR4).
    pub(crate) fn passing_bits(self) -> u64 {
        match self {
            // TS, until the thread uses floating point.
            Self::Cr0 => 1 << 3,
            // TSD and PCE are given to a thread; PGE is cleared for a moment to flush the TLB.
            Self::Cr4 => 1 << 2 | 1 << 7 | 1 << 8,
            Self::Page(part) => part.passing_bits(),
            _ => 0,
        }
    }

    /// Whether VMSAVE stores it.
    pub(crate) fn is_stored(self) -> bool {
        self.stored().is_some()
    }

    /// Whether it is of FS, GS or LDTR.
    pub(crate) fn is_of_fs_gs_or_ldtr(self) -> bool {
        matches!(
            self.stored_kind(),
            Some(FieldKind::Segment(
                SegmentRegister::Fs | SegmentRegister::Gs | SegmentRegister::Ldtr,
                _
            ))
        )
    }

    /// Whether only a VMCB page has it.
    pub(crate) fn is_guests(self) -> bool {
        matches!(self, Self::Cpl | Self::Efer | Self::Cr0 | Self::Cr4)
    }

    /// Whether the value is the address of an instruction of the kernel.
    pub(crate) fn is_entry_point(self) -> bool {
        matches!(
            self.stored_kind(),
            Some(FieldKind::Register(
                Msr::Lstar | Msr::Cstar | Msr::SysenterEip
            ))
        )
    }

    /// The value as attributes, if that is what it is.
    pub(crate) fn attributes(self, value: u64) -> Option<SegmentAttributes> {
        let is_attributes = match self {
            Self::Page(part) => part.name().ends_with(".attrib"),
            _ => matches!(
                self.stored_kind(),
                Some(FieldKind::Segment(_, SegmentPart::Attributes))
            ),
        };
        is_attributes
            .then(|| u16::try_from(value).ok())
            .flatten()
            .map(Into::into)
    }

    /// Whether a value may have a place in the kernel.
    pub(crate) fn has_place(self) -> bool {
        self.is_entry_point()
    }

    /// Where an entry point lies: module and offset, if the module is known.
    pub(crate) fn place(self, value: u64, snapshot: &Snapshot) -> Option<String> {
        self.has_place().then(|| snapshot.symbolic(value)).flatten()
    }

    /// What is known of the field; of a part of a page, which part.
    fn entry(self) -> Result<&'static Entry, PageField> {
        match (self, self.position()) {
            (Self::Page(part), _) => Err(part),
            // The enumeration and the table come out of one list.
            (_, position) => Ok(&FIELDS[position.unwrap_or(0)]),
        }
    }
}

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, UnknownField> {
        match names::find(name)?.as_slice() {
            [field] => Ok(*field),
            several => Err(UnknownField::several(name, several)),
        }
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

    use amd_svm::vmcb::VmsaveState;
    use amd_svm::witness::{self, Witness};

    use super::*;

    #[test]
    fn there_is_a_field_for_everything_that_vmsave_stores() {
        for field in VmsaveField::ALL {
            assert_eq!(Field::from(field).name(), field.name());
            assert_eq!(field.name().parse(), Ok(Field::from(field)));
        }
    }

    #[test]
    fn names_and_headings_are_unique_and_every_name_is_found() {
        let names: BTreeSet<_> = Field::all().map(Field::name).collect();
        let headings: BTreeSet<_> = Field::all().map(Field::heading).collect();
        assert_eq!((names.len(), headings.len()), (31, 31));
        for field in Field::all() {
            assert_eq!(field.entry().ok().unwrap().field, field);
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
            assert_eq!(Field::from(field).name(), field.name());
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
        assert_eq!(
            names(&["tr.base", "lstar", "tr", "MSR_LSTAR"]),
            ["tr.base", "lstar", "tr.selector", "tr.attrib", "tr.limit"]
        );
        for wrong in ["efe", "", "t", "tr.", "\u{1b}"] {
            assert!(wrong.parse::<Choice>().is_err(), "{wrong}");
        }
        assert!("tr".parse::<Field>().is_err());
    }
}
