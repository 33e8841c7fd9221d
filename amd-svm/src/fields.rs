//! The list of what VMSAVE stores: the name of each value, its place in the VMCB, and what it is.
//!
//! Comparison, redaction, the columns of a table and the checks of a layout go by this list. A
//! field is a variant of [`VmsaveField`], so that a misspelt one does not compile, and a `match`
//! over all of them does not miss one.
//!
//! Source: APM volume 2, section 15.5.2 and appendix B; volume 3, "VMSAVE".

use core::fmt;
use core::mem::offset_of;
use core::ops::Range;

use crate::msr::Msr;
use crate::segment::Segment;
use crate::vmcb::{Vmcb, VmsaveState};

/// A segment register that VMSAVE stores.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SegmentRegister {
    /// FS.
    Fs,
    /// GS.
    Gs,
    /// The local descriptor table register.
    Ldtr,
    /// The task register.
    Tr,
}

/// A part of a segment register: the selector, or one of the hidden part.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SegmentPart {
    /// The visible selector, 16 bits.
    Selector,
    /// Type and flags: [`SegmentAttributes`](crate::segment::SegmentAttributes), 12 bits of 16.
    Attributes,
    /// The highest valid offset in bytes, 32 bits.
    Limit,
    /// The linear base address, 64 bits.
    Base,
}

/// What a field is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FieldKind {
    /// A part of a segment register.
    Segment(SegmentRegister, SegmentPart),
    /// A model-specific register, 64 bits.
    Register(Msr),
}

/// Defines the fields from rows of name, offset in the VMCB, kind, and member of [`VmsaveState`].
macro_rules! fields {
    ($($field:ident = $name:literal, $offset:literal, $kind:expr, $($member:ident).+;)+) => {
        /// A value that VMSAVE stores, and VMLOAD loads.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum VmsaveField {
            $(
                #[doc = concat!("`", $name, "`, at ", stringify!($offset), ".")]
                $field,
            )+
        }

        impl VmsaveField {
            /// All of them, in the order of the save area.
            pub const ALL: [Self; 24] = [$(Self::$field),+];

            /// The name that users type and programs read: `tr.limit`, `lstar`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$field => $name,)+
                }
            }

            /// The offset from the start of the VMCB, in bytes.
            #[must_use]
            pub const fn offset(self) -> usize {
                match self {
                    $(Self::$field => $offset,)+
                }
            }

            /// What the field is.
            #[must_use]
            pub const fn kind(self) -> FieldKind {
                use FieldKind::{Register, Segment};
                use SegmentPart::{Attributes, Base, Limit, Selector};
                use SegmentRegister::{Fs, Gs, Ldtr, Tr};
                match self {
                    $(Self::$field => $kind,)+
                }
            }

            /// The offset in [`VmsaveState`], which is the save area without its gaps, in bytes.
            #[must_use]
            pub const fn offset_in_state(self) -> usize {
                match self {
                    $(Self::$field => offset_of!(VmsaveState, $($member).+),)+
                }
            }
        }

        $(const _: () = assert!(offset_of!(Vmcb, save.$($member).+) == $offset);)+
    };
}

fields! {
    FsSelector = "fs.selector", 0x440, Segment(Fs, Selector), fs.selector;
    FsAttributes = "fs.attrib", 0x442, Segment(Fs, Attributes), fs.attributes;
    FsLimit = "fs.limit", 0x444, Segment(Fs, Limit), fs.limit;
    FsBase = "fs.base", 0x448, Segment(Fs, Base), fs.base;
    GsSelector = "gs.selector", 0x450, Segment(Gs, Selector), gs.selector;
    GsAttributes = "gs.attrib", 0x452, Segment(Gs, Attributes), gs.attributes;
    GsLimit = "gs.limit", 0x454, Segment(Gs, Limit), gs.limit;
    GsBase = "gs.base", 0x458, Segment(Gs, Base), gs.base;
    LdtrSelector = "ldtr.selector", 0x470, Segment(Ldtr, Selector), ldtr.selector;
    LdtrAttributes = "ldtr.attrib", 0x472, Segment(Ldtr, Attributes), ldtr.attributes;
    LdtrLimit = "ldtr.limit", 0x474, Segment(Ldtr, Limit), ldtr.limit;
    LdtrBase = "ldtr.base", 0x478, Segment(Ldtr, Base), ldtr.base;
    TrSelector = "tr.selector", 0x490, Segment(Tr, Selector), tr.selector;
    TrAttributes = "tr.attrib", 0x492, Segment(Tr, Attributes), tr.attributes;
    TrLimit = "tr.limit", 0x494, Segment(Tr, Limit), tr.limit;
    TrBase = "tr.base", 0x498, Segment(Tr, Base), tr.base;
    Star = "star", 0x600, Register(Msr::Star), system_call.star;
    Lstar = "lstar", 0x608, Register(Msr::Lstar), system_call.lstar;
    Cstar = "cstar", 0x610, Register(Msr::Cstar), system_call.cstar;
    Sfmask = "sfmask", 0x618, Register(Msr::Sfmask), system_call.sfmask;
    KernelGsBase = "kernel_gs_base", 0x620, Register(Msr::KernelGsBase), system_call.kernel_gs_base;
    SysenterCs = "sysenter_cs", 0x628, Register(Msr::SysenterCs), system_call.sysenter_cs;
    SysenterEsp = "sysenter_esp", 0x630, Register(Msr::SysenterEsp), system_call.sysenter_esp;
    SysenterEip = "sysenter_eip", 0x638, Register(Msr::SysenterEip), system_call.sysenter_eip;
}

impl SegmentRegister {
    /// All of them, in the order of the save area.
    pub const ALL: [Self; 4] = [Self::Fs, Self::Gs, Self::Ldtr, Self::Tr];

    /// The register in a state.
    #[must_use]
    pub const fn of(self, state: &VmsaveState) -> &Segment {
        match self {
            Self::Fs => &state.fs,
            Self::Gs => &state.gs,
            Self::Ldtr => &state.ldtr,
            Self::Tr => &state.tr,
        }
    }
}

impl SegmentPart {
    /// All of them, in the order of [`Segment`].
    pub const ALL: [Self; 4] = [Self::Selector, Self::Attributes, Self::Limit, Self::Base];

    /// The size in the VMCB, in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Selector | Self::Attributes => 2,
            Self::Limit => 4,
            Self::Base => 8,
        }
    }
}

impl VmsaveField {
    /// The field of this name, if there is one.
    ///
    /// ```
    /// use amd_svm::fields::VmsaveField;
    ///
    /// assert_eq!(VmsaveField::named("tr.limit"), Some(VmsaveField::TrLimit));
    /// assert_eq!(VmsaveField::named("rip"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The size in the VMCB, in bytes: 2, 4 or 8.
    #[must_use]
    pub const fn size(self) -> usize {
        match self.kind() {
            FieldKind::Segment(_, part) => part.size(),
            FieldKind::Register(_) => 8,
        }
    }

    /// The model-specific register that holds the same value, if one does: of FS and GS it is the
    /// base, which `C000_0100` and `C000_0101` give access to.
    #[must_use]
    pub const fn msr(self) -> Option<Msr> {
        match self.kind() {
            FieldKind::Register(msr) => Some(msr),
            FieldKind::Segment(SegmentRegister::Fs, SegmentPart::Base) => Some(Msr::FsBase),
            FieldKind::Segment(SegmentRegister::Gs, SegmentPart::Base) => Some(Msr::GsBase),
            FieldKind::Segment(..) => None,
        }
    }

    /// Whether the value is a linear address: the base of a segment, an entry point or a stack.
    #[must_use]
    pub const fn is_address(self) -> bool {
        matches!(
            self.kind(),
            FieldKind::Segment(_, SegmentPart::Base)
                | FieldKind::Register(
                    Msr::Lstar
                        | Msr::Cstar
                        | Msr::KernelGsBase
                        | Msr::SysenterEsp
                        | Msr::SysenterEip
                )
        )
    }

    /// The value in a state.
    ///
    /// ```
    /// use amd_svm::{fields::VmsaveField, vmcb::VmsaveState};
    ///
    /// let mut state = VmsaveState::default();
    /// VmsaveField::TrLimit.write(&mut state, 0x67);
    /// assert_eq!(state.tr.limit, 0x67);
    /// assert_eq!(VmsaveField::TrLimit.read(&state), 0x67);
    /// ```
    #[must_use]
    pub fn read(self, state: &VmsaveState) -> u64 {
        let (offset, bits) = IN_STATE[self as usize];
        let rest = bytemuck::bytes_of(state).get(offset..);
        // Behind a field of fewer bytes are always others, up to eight at least.
        let bytes = rest.and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes) & bits)
    }

    /// Replaces the value in a state by the lowest [`size`](Self::size) bytes of another.
    pub fn write(self, state: &mut VmsaveState, value: u64) {
        let value = &value.to_le_bytes()[..self.size()];
        bytemuck::bytes_of_mut(state)[self.range_in_state()].copy_from_slice(value);
    }

    const fn range_in_state(self) -> Range<usize> {
        self.offset_in_state()..self.offset_in_state() + self.size()
    }
}

/// Of each field the offset in a [`VmsaveState`], and which of the eight bytes there are its own, as a
/// mask.
const IN_STATE: [(usize, u64); VmsaveField::ALL.len()] = {
    let mut places = [(0, 0); VmsaveField::ALL.len()];
    let mut at = 0;
    while at < places.len() {
        let field = VmsaveField::ALL[at];
        assert!(field as usize == at);
        assert!(field.offset_in_state() + 8 <= size_of::<VmsaveState>());
        places[at] = (field.offset_in_state(), u64::MAX >> (64 - 8 * field.size()));
        at += 1;
    }
    places
};

impl fmt::Display for VmsaveField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::vmcb::VMSAVE_RANGES;

    #[test]
    fn the_fields_are_the_bytes_that_vmsave_writes_each_once_and_in_order() {
        let of_fields = VmsaveField::ALL
            .into_iter()
            .flat_map(|field| field.offset()..field.offset() + field.size());
        let written: Vec<usize> = VMSAVE_RANGES.into_iter().flatten().collect();
        assert_eq!(of_fields.collect::<Vec<_>>(), written);
        let in_state: Vec<usize> = VmsaveField::ALL
            .into_iter()
            .flat_map(VmsaveField::range_in_state)
            .collect();
        assert_eq!(in_state, (0..size_of::<VmsaveState>()).collect::<Vec<_>>());
    }

    #[test]
    fn names_and_kinds_are_unique_and_every_name_is_found() {
        let names: BTreeSet<_> = VmsaveField::ALL.map(VmsaveField::name).into();
        assert_eq!(names.len(), VmsaveField::ALL.len());
        for field in VmsaveField::ALL {
            assert_eq!(VmsaveField::named(field.name()), Some(field));
            let alike = VmsaveField::ALL.map(VmsaveField::kind);
            let alike = alike.iter().filter(|kind| **kind == field.kind());
            assert_eq!(alike.count(), 1, "{field}");
        }
        assert_eq!(VmsaveField::named("TR.limit"), None);
    }

    #[test]
    fn a_segment_register_has_every_part_and_its_name_says_which() {
        for register in SegmentRegister::ALL {
            for part in SegmentPart::ALL {
                let kind = FieldKind::Segment(register, part);
                let mut fields = VmsaveField::ALL.into_iter();
                let field = fields.find(|field| field.kind() == kind).unwrap();
                let (segment, rest) = field.name().split_once('.').unwrap();
                assert!(std::format!("{register:?}").eq_ignore_ascii_case(segment));
                assert!(std::format!("{part:?}").to_lowercase().starts_with(rest));
            }
        }
    }

    #[test]
    fn the_base_of_a_segment_and_what_is_entered_or_pushed_to_are_addresses() {
        let addresses = VmsaveField::ALL
            .into_iter()
            .filter(|field| field.is_address());
        let names: Vec<_> = addresses.map(VmsaveField::name).collect();
        assert_eq!(
            names,
            [
                "fs.base",
                "gs.base",
                "ldtr.base",
                "tr.base",
                "lstar",
                "cstar",
                "kernel_gs_base",
                "sysenter_esp",
                "sysenter_eip",
            ]
        );
    }

    proptest! {
        #[test]
        fn a_value_that_is_written_is_read_and_is_the_members(bytes: [[u8; 32]; 4], value: u64) {
            let before: VmsaveState = bytemuck::pod_read_unaligned(bytes.as_flattened());
            for field in VmsaveField::ALL {
                let mut state = before;
                field.write(&mut state, value);
                let kept = value & (u64::MAX >> (64 - 8 * field.size()));
                prop_assert_eq!(field.read(&state), kept);
                if let FieldKind::Segment(register, part) = field.kind() {
                    let segment = register.of(&state);
                    let member = match part {
                        SegmentPart::Selector => segment.selector.into(),
                        SegmentPart::Attributes => u16::from(segment.attributes).into(),
                        SegmentPart::Limit => segment.limit.into(),
                        SegmentPart::Base => segment.base,
                    };
                    prop_assert_eq!(member, kept);
                }
                field.write(&mut state, field.read(&before));
                prop_assert_eq!(state, before);
            }
        }
    }
}
