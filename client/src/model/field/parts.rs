//! The parts of pages that are no fields of a snapshot of the driver's: every other field of a VMCB
//! and of a save area, and what the manual reserves, in pieces of at most eight bytes.

use std::ops::Range;
use std::sync::LazyLock;

use amd_svm::vmcb::{VMCB_SIZE, fields};

use super::FIELDS;
use crate::model::table::Table;
use crate::model::{Field, Layout, Pages};

/// A part of a page: a field of up to eight bytes, or a piece of a longer one or of reserved bytes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PageField(u16);

struct Part {
    name: String,
    name_in_manual: &'static str,
    width: usize,
    /// Offsets in a VMCB and in a save area.
    offsets: [Option<usize>; 2],
    is_passing: bool,
}

/// The longest piece, in bytes.
const PIECE: usize = 8;

static PARTS: LazyLock<Vec<Part>> = LazyLock::new(parts);

fn parts() -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut places: Table<String, usize> = Table::new();
    for (side, layout) in [Layout::Vmcb, Layout::Vmsa].into_iter().enumerate() {
        for (name, name_in_manual, range, is_passing) in pieces(layout) {
            let place = *places.get_or_insert_with(name.clone(), || parts.len());
            if place == parts.len() {
                parts.push(Part {
                    name,
                    name_in_manual,
                    width: range.len(),
                    offsets: [None; 2],
                    is_passing,
                });
            }
            parts[place].offsets[side] = Some(range.start);
        }
    }
    parts
}

/// What each instruction, each thread and each exit leaves different, of groups of which not all is
/// so: counters and requests of a moment, the registers of the program that runs, and what the
/// processor writes anew whenever it runs the guest.
const PASSING: [&str; 24] = [
    "pause_filter_count",
    "bus_lock_threshold",
    "tlb_control",
    "interrupt_shadow",
    "event_injection",
    "clean_bits",
    "vmgexit_rax",
    "vmgexit_cpl",
    "update_irr",
    "requested_irr",
    "register_protection_nonce",
    "tlb_id",
    "physical_processor",
    "cr2",
    "cr3",
    "dr6",
    "u_cet",
    "ssp",
    "pl0_ssp",
    "pl1_ssp",
    "pl2_ssp",
    "pl3_ssp",
    "spec_ctrl",
    "pkru",
];

/// Whether a field is of what happens to run: the rest is how the hypervisor and the guest's kernel
/// set the processor up.
fn is_passing(field: &fields::Field) -> bool {
    use fields::Group;
    match field.group() {
        // The VMPL is given to a processor for good.
        Group::GeneralRegisters => field.name() != "vmpl",
        Group::Exit | Group::Branches | Group::Performance | Group::FloatingPoint => true,
        // Of the segments that are no fields of VMSAVE's, the tables alone are not a thread's.
        Group::Segments => !matches!(field.name().get(..4), Some("gdtr" | "idtr")),
        _ => PASSING.contains(&field.name()),
    }
}

/// The pieces of a layout, with their names, and whether they are of what happens to run.
fn pieces(layout: Layout) -> Vec<(String, &'static str, Range<usize>, bool)> {
    let mut pieces = Vec::new();
    for field in layout.fields() {
        if field.is_number() {
            let is_known = FIELDS.iter().any(|one| one.field.name() == field.name());
            if !is_known {
                pieces.push((
                    field.name().to_owned(),
                    field.name_in_manual(),
                    field.range(),
                    is_passing(field),
                ));
            }
            continue;
        }
        for (at, piece) in split(field.range()).enumerate() {
            let name = format!("{}.{at}", field.name());
            pieces.push((name, field.name_in_manual(), piece, is_passing(field)));
        }
    }
    let prefix = match layout {
        Layout::Vmcb => "reserved",
        Layout::Vmsa => "vmsa_reserved",
    };
    for gap in fields::gaps(layout.fields(), VMCB_SIZE) {
        for piece in split(gap) {
            let name = format!("{prefix}.{:#05x}", piece.start);
            pieces.push((name, "reserved", piece, false));
        }
    }
    pieces
}

fn split(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range
        .step_by(PIECE)
        .map(move |start| start..(start + PIECE).min(end))
}

impl PageField {
    pub(super) fn all() -> impl Iterator<Item = Self> + Clone {
        (0..).take(PARTS.len()).map(Self)
    }

    fn part(self) -> &'static Part {
        // None is made but by `all`.
        &PARTS[usize::from(self.0)]
    }

    /// The name that users type and programs read: `exit_code`, `lbr_stack.3`, `reserved.0x018`.
    #[must_use]
    pub fn name(self) -> &'static str {
        &self.part().name
    }

    /// What the manual calls the field.
    #[must_use]
    pub fn name_in_manual(self) -> &'static str {
        self.part().name_in_manual
    }

    /// The width in bytes, 1 to 8.
    #[must_use]
    pub fn width(self) -> usize {
        self.part().width
    }

    /// The bits that change with what runs, of a field the rest of which does not.
    ///
    /// Source: APM volume 2, section 15.21.1 (virtual interrupts), and appendix B.
    pub(super) fn passing_bits(self) -> u64 {
        match self.name() {
            // VINTR and IRET, while an interrupt or an NMI waits for the guest to take it.
            "intercepts_1" => 1 << 4 | 1 << 20,
            // CLEAR_RAP, for one entry.
            "return_predictor" => 1 << 1,
            // All but what switches masking, virtual GIF, virtual NMI, x2AVIC and AVIC on.
            "virtual_interrupt" => !(1 << 24 | 1 << 25 | 1 << 26 | 1 << 30 | 1 << 31),
            _ => 0,
        }
    }

    /// Whether it is of what happens to run.
    pub(super) fn is_passing(self) -> bool {
        self.part().is_passing
    }

    /// The number, if the pages have it.
    pub(super) fn of(self, pages: &Pages) -> Option<u64> {
        let range = |offset: Option<usize>| offset.map(|start| start..start + self.width());
        let [in_vmcb, in_vmsa] = self.part().offsets;
        pages.number(range(in_vmcb).as_ref(), range(in_vmsa).as_ref())
    }
}

impl From<PageField> for Field {
    fn from(part: PageField) -> Self {
        Self::Page(part)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Capture, Format, Page};

    /// What a page of a layout tells, by what each of its bytes is.
    fn capture(layout: Layout, byte: impl Fn(usize) -> u8) -> Capture {
        let bytes = std::array::from_fn(byte);
        let mut pages = Pages::new(Format::Vmcb);
        let page = Some(Page::whole(layout, &bytes));
        match layout {
            Layout::Vmcb => pages.vmcb = page,
            Layout::Vmsa => pages.vmsa = page,
        }
        Capture {
            details: None,
            vmsave: amd_svm::vmcb::VmsaveState::default(),
            witness: None,
            guest: Some(crate::model::Guest::default()),
            pages: Some(Box::new(pages)),
        }
    }

    #[test]
    fn every_byte_of_both_layouts_is_in_one_field() {
        for layout in [Layout::Vmcb, Layout::Vmsa] {
            // Which bytes a field has is read from pages whose bytes are all ones, and the two
            // halves of their offsets.
            let [ones, low, high] = [
                capture(layout, |_| 0xFF),
                capture(layout, |at| at.to_le_bytes()[0]),
                capture(layout, |at| at.to_le_bytes()[1]),
            ];
            let mut fields: Vec<Vec<Field>> = vec![Vec::new(); VMCB_SIZE];
            for field in Field::all().chain(Field::of_pages()) {
                let bytes = |capture| field.of(capture).map(u64::to_le_bytes);
                let (Some(ones), Some(low), Some(high)) = (bytes(&ones), bytes(&low), bytes(&high))
                else {
                    continue;
                };
                for ((ones, low), high) in ones.into_iter().zip(low).zip(high) {
                    assert!(matches!(ones, 0 | 0xFF), "{field}");
                    if ones == 0xFF {
                        fields[usize::from(u16::from_le_bytes([low, high]))].push(field);
                    }
                }
            }
            for (at, fields) in fields.iter().enumerate() {
                assert_eq!(fields.len(), 1, "{layout:?} {at:#x}: {fields:?}");
            }
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        let names: BTreeSet<_> = Field::all()
            .chain(Field::of_pages())
            .map(Field::name)
            .collect();
        assert_eq!(names.len(), Field::all().count() + PARTS.len());
        for field in Field::of_pages() {
            assert_eq!(field.name().parse(), Ok(field), "{field}");
        }
    }
}
