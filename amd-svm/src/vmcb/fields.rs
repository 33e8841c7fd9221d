//! Every field of a VMCB and of an SEV-ES save area: name, offset, width, and what it belongs to.
//!
//! What reads dumps, writes JSON or compares pages goes by these lists, so that no field is left
//! out: each byte of a page is of one field, or reserved by the manual, which [`gaps`] has. The
//! names of the fields that VMSAVE stores are those of [`VmsaveField`](crate::fields::VmsaveField).
//!
//! ```
//! use amd_svm::vmcb::{VMCB_SIZE, fields};
//!
//! let mut page = [0; VMCB_SIZE];
//! let exit_code = fields::named(fields::VMCB, "exit_code").expect("a field");
//! exit_code.write(&mut page, 0x72);
//! assert_eq!(exit_code.read(&page), Some(0x72));
//! assert_eq!((exit_code.offset(), exit_code.width()), (0x70, 8));
//! ```
//!
//! Source: APM volume 2, appendix B, tables B-1, B-2 and B-4, of revision 3.44.

mod vmcb;
mod vmsa;

use core::fmt;
use core::ops::Range;

pub use vmcb::VMCB;
pub use vmsa::VMSA;

use super::VMCB_SIZE;

/// What a field belongs to: fields of a group stand together where a page is shown.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Group {
    /// What exits.
    Intercepts,
    /// How the guest runs: address space, nested paging, time, what is cached.
    Execution,
    /// Interrupts and events that are delivered.
    Interrupts,
    /// Why the guest exited.
    Exit,
    /// The advanced virtual interrupt controller.
    Avic,
    /// SEV, SEV-ES and SEV-SNP.
    Encryption,
    /// Free for the hypervisor.
    HostUse,
    /// Segment registers and descriptor tables.
    Segments,
    /// Control registers, `EFER` and PAT.
    ControlRegisters,
    /// Debug registers.
    DebugRegisters,
    /// General registers, RIP, RFLAGS, and the privilege levels.
    GeneralRegisters,
    /// The registers of the system-call instructions.
    SystemCall,
    /// Shadow stacks.
    ShadowStacks,
    /// Records of branches.
    Branches,
    /// Performance counters and instruction-based sampling.
    Performance,
    /// Registers of x87, SSE and AVX.
    FloatingPoint,
    /// Other registers.
    OtherRegisters,
}

impl Group {
    /// The group in words, for a heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Intercepts => "intercepts",
            Self::Execution => "execution",
            Self::Interrupts => "interrupts and events",
            Self::Exit => "exit",
            Self::Avic => "virtual interrupt controller",
            Self::Encryption => "encrypted virtualisation",
            Self::HostUse => "the hypervisor's own",
            Self::Segments => "segments",
            Self::ControlRegisters => "control registers",
            Self::DebugRegisters => "debug registers",
            Self::GeneralRegisters => "general registers",
            Self::SystemCall => "system calls",
            Self::ShadowStacks => "shadow stacks",
            Self::Branches => "branch records",
            Self::Performance => "performance monitoring",
            Self::FloatingPoint => "floating point",
            Self::OtherRegisters => "other registers",
        }
    }
}

/// A field of a page.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Field {
    name: &'static str,
    offset: u16,
    width: u16,
    group: Group,
    manual: &'static str,
}

impl Field {
    /// The name that users type and programs read: `exit_code`, `cs.base`, `lstar`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What the manual calls it: `EXITCODE`, `CS base`, `LSTAR`.
    #[must_use]
    pub const fn name_in_manual(&self) -> &'static str {
        self.manual
    }

    /// The offset from the start of the page, in bytes.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset as usize
    }

    /// The width in bytes: 1, 2, 4 or 8 of a number, another of plain bytes.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width as usize
    }

    /// What the field belongs to.
    #[must_use]
    pub const fn group(&self) -> Group {
        self.group
    }

    /// Whether the field is a number, of 1, 2, 4 or 8 bytes.
    #[must_use]
    pub const fn is_number(&self) -> bool {
        matches!(self.width, 1 | 2 | 4 | 8)
    }

    /// Where the field is in the page.
    #[must_use]
    pub const fn range(&self) -> Range<usize> {
        self.offset()..self.offset() + self.width()
    }

    /// The bytes of the field.
    #[must_use]
    pub fn bytes<'page>(&self, page: &'page [u8; VMCB_SIZE]) -> &'page [u8] {
        &page[self.range()]
    }

    /// The bytes of the field, to be changed.
    #[must_use]
    pub fn bytes_mut<'page>(&self, page: &'page mut [u8; VMCB_SIZE]) -> &'page mut [u8] {
        &mut page[self.range()]
    }

    /// The number in the field; `None` of plain bytes.
    #[must_use]
    pub fn read(&self, page: &[u8; VMCB_SIZE]) -> Option<u64> {
        let mut number = [0; 8];
        let low = number
            .get_mut(..self.width())
            .filter(|_| self.is_number())?;
        low.copy_from_slice(self.bytes(page));
        Some(u64::from_le_bytes(number))
    }

    /// Replaces the number in the field. Says whether that was done: it is not if the field has
    /// plain bytes, or if the number does not fit.
    #[must_use]
    pub fn write(&self, page: &mut [u8; VMCB_SIZE], number: u64) -> bool {
        let number = number.to_le_bytes();
        let (low, high) = number.split_at(self.width().min(number.len()));
        let fits = self.is_number() && high.iter().all(|byte| *byte == 0);
        if fits {
            self.bytes_mut(page).copy_from_slice(low);
        }
        fits
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// The field of a name in [`VMCB`] or [`VMSA`], if there is one.
#[must_use]
pub fn named(fields: &'static [Field], name: &str) -> Option<&'static Field> {
    fields.iter().find(|field| field.name == name)
}

/// The bytes that no field of an ascending list has, up to `end`: reserved, as ranges of offsets.
pub fn gaps(fields: &[Field], end: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = fields.iter().map(Field::offset).chain([end]);
    let ends = [0]
        .into_iter()
        .chain(fields.iter().map(|field| field.range().end));
    ends.zip(starts)
        .map(move |(from, to)| from..to.min(end))
        .filter(|gap| !gap.is_empty())
}

/// Size of the member that a function refers to, in bytes.
const fn size_of_member<P, T>(_: fn(&P) -> &T) -> usize {
    size_of::<T>()
}

/// Defines a list of a page's fields from rows of name, offset, width, group, manual's name, and
/// member, and asserts of each that it is where and as wide as the member.
macro_rules! fields {
    ($(#[$doc:meta])* $list:ident of $page:ty;
        $($name:literal, $offset:literal, $width:literal, $group:ident, $manual:literal,
            $($member:ident).+;)+) => {
        $(#[$doc])*
        pub const $list: &[$crate::vmcb::fields::Field] = &[$(
            $crate::vmcb::fields::Field {
                name: $name,
                offset: $offset,
                width: $width,
                group: $crate::vmcb::fields::Group::$group,
                manual: $manual,
            },
        )+];

        $(
            const _: () = assert!(core::mem::offset_of!($page, $($member).+) == $offset);
            const _: () = assert!(
                $crate::vmcb::fields::size_of_member(|page: &$page| &page.$($member).+) == $width
            );
        )+
    };
}
use fields;

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::collections::BTreeSet;
    use std::format;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::fields::VmsaveField;
    use crate::vmcb::{VMSA_SIZE, Vmcb, Vmsa};

    #[test]
    fn fields_ascend_and_each_name_is_one_fields() {
        for fields in [VMCB, VMSA] {
            assert!(fields.is_sorted_by(|one, next| one.range().end <= next.offset()));
            assert!(fields.iter().all(|field| field.range().end <= VMCB_SIZE));
            let names: BTreeSet<_> = fields.iter().map(Field::name).collect();
            assert_eq!(names.len(), fields.len());
            for field in fields {
                assert_eq!(named(fields, field.name()), Some(field));
            }
        }
        assert_eq!((VMCB.len(), VMSA.len()), (143, 162));
    }

    /// What the manual reserves, so that a field that is missing in a list is noticed.
    #[test]
    fn what_no_field_has_is_what_the_manual_reserves() {
        let gaps = |fields| gaps(fields, VMCB_SIZE).collect::<Vec<_>>();
        assert_eq!(
            gaps(VMCB),
            [
                0x018..0x03C,
                0x05E..0x060,
                0x0C4..0x0C8,
                0x0E8..0x0F0,
                0x100..0x108,
                0x119..0x120,
                0x122..0x134,
                0x148..0x150,
                0x170..0x3E0,
                0x4A0..0x4CA,
                0x4CC..0x4D0,
                0x4D8..0x4E0,
                0x540..0x548,
                0x580..0x5C0,
                0x5D4..0x5D8,
                0x648..0x668,
                0x6A0..0x6E0,
                0x6E8..0xA70,
                0xBC8..0x1000,
            ]
        );
        assert_eq!(
            gaps(VMSA),
            [
                0x0C8..0x0CA,
                0x0CC..0x0D0,
                0x0D8..0x0E0,
                0x1D4..0x1D8,
                0x248..0x268,
                0x2A0..0x2E0,
                0x380..0x390,
                0x3F0..0x400,
                0x7C8..0x900,
                0x940..0x980,
                0xFC0..0x1000,
            ]
        );
    }

    #[test]
    fn what_vmsave_stores_has_the_same_names_in_both_lists() {
        for field in VmsaveField::ALL {
            let here = named(VMCB, field.name()).unwrap();
            assert_eq!(
                (here.offset(), here.width()),
                (field.offset(), field.size())
            );
            let encrypted = named(VMSA, field.name()).unwrap();
            assert_eq!(encrypted.offset() + 0x400, field.offset(), "{field}");
        }
    }

    #[test]
    fn debug_prints_every_field_and_reserved_bytes_but_no_zeros() {
        for field in VMCB {
            let mut page = [0; VMCB_SIZE];
            field.bytes_mut(&mut page)[0] = 0x5A;
            let printed = format!("{:?}", Vmcb::from_page(page));
            assert!(
                printed.starts_with(&format!("Vmcb {{ {}: ", field.name())),
                "{printed}"
            );
            assert!(
                printed.ends_with(" }") && printed.contains("5a"),
                "{printed}"
            );
        }
        let mut page = [0; VMCB_SIZE];
        page[0x1A0] = 0xFE;
        page[0x1A2] = 1;
        let printed = format!("{:?}", Vmcb::from_page(page));
        assert_eq!(printed, "Vmcb { reserved: 0x1a0: fe0001 }");
        assert_eq!(format!("{:?}", Vmcb::new()), "Vmcb");
        let mut vmsa = Vmsa::new();
        vmsa.rcx = 0xABC;
        assert_eq!(format!("{vmsa:?}"), "Vmsa { rcx: 0xabc }");
        let mut vmcb = Vmcb::new();
        vmcb.save.rip = 7;
        vmcb.control.asid = 1;
        assert_eq!(format!("{:?}", vmcb.save), "SaveArea { rip: 0x7 }");
        assert_eq!(format!("{:?}", vmcb.control), "ControlArea { asid: 0x1 }");
    }

    proptest! {
        #[test]
        fn fields_and_gaps_are_the_whole_page(bytes: [[u8; 32]; 128]) {
            let page: &[u8; VMCB_SIZE] = bytes.as_flattened().try_into().unwrap();
            for fields in [VMCB, VMSA] {
                let mut copy = Box::new([0; VMSA_SIZE]);
                for field in fields {
                    match field.read(page) {
                        Some(number) => prop_assert!(field.write(&mut copy, number)),
                        None => field.bytes_mut(&mut copy).copy_from_slice(field.bytes(page)),
                    }
                }
                for gap in gaps(fields, VMCB_SIZE) {
                    copy[gap.clone()].copy_from_slice(&page[gap]);
                }
                prop_assert_eq!(&*copy, page);
            }
        }

        #[test]
        fn a_number_that_does_not_fit_changes_nothing(number: u64) {
            for field in VMCB {
                let mut page = [0; VMCB_SIZE];
                let fits = field.is_number() && (field.width() == 8 || number >> (8 * field.width()) == 0);
                prop_assert_eq!(field.write(&mut page, number), fits);
                prop_assert_eq!(field.read(&page), field.is_number().then_some(if fits { number } else { 0 }));
            }
        }
    }
}
