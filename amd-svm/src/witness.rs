//! The same state read without VMSAVE, and the comparison of the two.
//!
//! What VMSAVE stores can be asked for in other ways: the registers by `RDMSR`, the selectors by
//! `STR`, `SLDT` and `MOV`, the hidden parts of FS, GS and TR by the descriptors that they were
//! loaded from. Where the two disagree, one of them is not the processor's state: an
//! emulation of VMSAVE is wrong, or a descriptor table has changed after it was loaded: a descriptor
//! that is not present any more, or that is none, contradicts what was loaded from it, too.
//!
//! The comparison is of *canonical* values, because processors store the same thing in more than
//! one way. Seen on two: a TSS as type 9 and as type 11 (busy), and a null LDTR as present with a
//! zero base, and as not present with a stale one.

use core::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use crate::Processor;
use crate::descriptor::{Descriptor, Selector};
use crate::fields::{FieldKind, SegmentPart, SegmentRegister, VmsaveField};
use crate::msr::Msr;
use crate::segment::{Segment, SegmentAttributes};
use crate::support::{Refusal, Step};
use crate::vmcb::{SystemCallRegisters, VmsaveState};

/// What a processor says of itself without VMSAVE.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct Witness {
    /// By `RDMSR`.
    pub system_call: SystemCallRegisters,
    /// `FS.base`, by `RDMSR` of `C000_0100`.
    pub fs_base: u64,
    /// `GS.base`, by `RDMSR` of `C000_0101`.
    pub gs_base: u64,
    /// By `MOV`.
    pub fs_selector: u16,
    /// By `MOV`.
    pub gs_selector: u16,
    /// By `STR`.
    pub tr_selector: u16,
    /// By `SLDT`.
    pub ldtr_selector: u16,
    /// The descriptor that the selector of FS selects; 0 if it selects none of the global table.
    pub fs_descriptor: u64,
    /// The descriptor that the selector of GS selects; 0 if it selects none of the global table.
    pub gs_descriptor: u64,
    /// The two halves of the descriptor that the selector of TR selects; 0 if it selects none, or
    /// none that is in the table whole.
    pub tr_descriptor: [u64; 2],
}

const _: () = assert!(size_of::<Witness>() == 120);

/// The registers of a [`Witness`], in the order of its fields: those that VMSAVE stores, then the
/// bases of FS and GS.
pub const REGISTERS: [Msr; 10] = {
    let mut registers = [Msr::FsBase; 10];
    let mut count = 0;
    let mut at = 0;
    while at < VmsaveField::ALL.len() {
        if let FieldKind::Register(msr) = VmsaveField::ALL[at].kind() {
            registers[count] = msr;
            count += 1;
        }
        at += 1;
    }
    assert!(count == 8);
    registers[9] = Msr::GsBase;
    registers
};

// They are read as one row of values.
const _: () = assert!(offset_of!(Witness, system_call) == 0);
const _: () = assert!(offset_of!(Witness, gs_base) == 8 * (REGISTERS.len() - 1));

impl Witness {
    /// Reads a processor's state without VMSAVE into every field, and changes nothing on the
    /// processor.
    ///
    /// # Errors
    ///
    /// The first register that could not be read. The witness is not complete then.
    #[inline]
    pub fn read(&mut self, processor: &mut impl Processor) -> Result<(), Refusal> {
        let words: &mut [u64; size_of::<Self>() / 8] = bytemuck::must_cast_mut(self);
        if let Some(registers) = words.first_chunk_mut() {
            processor
                .read_msrs(&REGISTERS, registers)
                .map_err(|(msr, fault)| Refusal::Fault {
                    step: Step::Read(msr),
                    fault,
                })?;
        }
        let selectors = processor.selectors();
        self.fs_selector = selectors.fs.0;
        self.gs_selector = selectors.gs.0;
        self.tr_selector = selectors.tr.0;
        self.ldtr_selector = selectors.ldtr.0;
        [self.fs_descriptor] = processor.global_descriptor(selectors.fs);
        [self.gs_descriptor] = processor.global_descriptor(selectors.gs);
        self.tr_descriptor = processor.global_descriptor(selectors.tr);
        Ok(())
    }

    /// What the witness says, in the form of what VMSAVE stores; zero where it says nothing.
    fn to_state(self) -> VmsaveState {
        let [tr_low, tr_high] = self.tr_descriptor;
        let load = |selector, low, high| Descriptor { low, high }.load(Selector(selector));
        VmsaveState {
            fs: Segment {
                base: self.fs_base,
                ..load(self.fs_selector, self.fs_descriptor, 0)
            },
            gs: Segment {
                base: self.gs_base,
                ..load(self.gs_selector, self.gs_descriptor, 0)
            },
            ldtr: load(self.ldtr_selector, 0, 0),
            tr: load(self.tr_selector, tr_low, tr_high),
            system_call: self.system_call,
        }
    }
}

/// One value, as VMSAVE stored it and as the witness has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Comparison {
    /// The value's field.
    pub field: VmsaveField,
    /// As VMSAVE stored it, raw.
    pub vmsave: u64,
    /// As the witness has it, raw.
    pub witness: u64,
    /// Whether the two are the same in their canonical form.
    pub agrees: bool,
}

/// Compares all that both have, in the order of [`VmsaveField::ALL`]. A value of which one side
/// says nothing is left out.
pub fn compare(state: &VmsaveState, witness: &Witness) -> impl Iterator<Item = Comparison> + use<> {
    let (state, witness) = (*state, witness.to_state());
    VmsaveField::ALL
        .into_iter()
        .filter(move |field| is_comparable(*field, &state))
        .map(move |field| {
            let (of_vmsave, of_witness) = (field.read(&state), field.read(&witness));
            let agrees = match field.kind() {
                // Granularity follows from the limit, and that is compared by itself.
                FieldKind::Segment(register, SegmentPart::Attributes) => {
                    let judged =
                        |state| canonical_attributes(register.of(state)).with_granularity(false);
                    judged(&state) == judged(&witness)
                }
                _ => of_vmsave == of_witness,
            };
            Comparison {
                field,
                vmsave: of_vmsave,
                witness: of_witness,
                agrees,
            }
        })
}

/// Whether both sides say something of a field. Of LDTR's hidden part the witness says nothing; of
/// the others' it says what a descriptor says, except for the bases of FS and GS.
fn is_comparable(field: VmsaveField, state: &VmsaveState) -> bool {
    let FieldKind::Segment(register, part) = field.kind() else {
        return true;
    };
    match (register, part) {
        (_, SegmentPart::Selector)
        | (SegmentRegister::Fs | SegmentRegister::Gs, SegmentPart::Base) => true,
        (SegmentRegister::Ldtr, _) => false,
        _ => has_hidden_part(register.of(state)),
    }
}

/// Whether the hidden part means anything, and is one of the table that the witness read. A
/// processor loads it from nothing but a present descriptor: one that is not present now, or not in
/// the table, contradicts it.
fn has_hidden_part(stored: &Segment) -> bool {
    Selector(stored.selector).global_offset().is_some() && stored.attributes.present()
}

/// Whether the witness has something to say of every hidden part that is in use. It has not of one
/// that was selected from the local table, and of one that VMSAVE stored as not present.
///
/// ```
/// use amd_svm::vmcb::VmsaveState;
/// use amd_svm::witness::compares_hidden_parts;
///
/// let mut state = VmsaveState::default();
/// assert!(compares_hidden_parts(&state), "null selectors have no hidden part");
/// state.fs.selector = 0x57;
/// assert!(!compares_hidden_parts(&state), "the local table is not read");
/// ```
#[must_use]
pub fn compares_hidden_parts(state: &VmsaveState) -> bool {
    [&state.fs, &state.gs, &state.tr]
        .into_iter()
        .all(|stored| Selector(stored.selector).is_null() || has_hidden_part(stored))
}

/// The attributes without what processors store differently: the accessed bit of code and data and the
/// busy bit of task state segments, of 16 bits too, are ignored, and granularity follows from the limit.
///
/// ```
/// use amd_svm::segment::Segment;
/// use amd_svm::witness::canonical_attributes;
///
/// let of = |bits: u16| canonical_attributes(&Segment::new(0x40, bits.into(), 0x67, 0));
/// assert_eq!(of(0x08B), of(0x089));
/// assert_eq!(of(0x083), of(0x081));
/// assert_ne!(of(0x082), of(0x080), "the type of an LDT");
/// ```
#[must_use]
pub fn canonical_attributes(segment: &Segment) -> SegmentAttributes {
    const ACCESSED: u8 = 0b0001;
    const BUSY: u8 = 0b0010;
    /// Of 16 bits and of more, available and busy.
    const TASK_STATE: [u8; 4] = [0x1, 0x3, 0x9, 0xB];
    let attributes = segment.attributes;
    let segment_type = attributes.segment_type();
    let ignored = if attributes.code_or_data() {
        ACCESSED
    } else if TASK_STATE.contains(&segment_type) {
        BUSY
    } else {
        0
    };
    attributes
        .with_segment_type(segment_type & !ignored)
        .with_granularity(segment.limit > 0xF_FFFF)
}

/// A state in the form in which two processors, or one processor and its emulation, are compared.
///
/// Attributes are [canonical](canonical_attributes). Of a segment that cannot be used, because its
/// selector is null or it is not present, the selector is kept, and of FS and GS the base, which
/// 64-bit code uses all the same.
///
/// ```
/// use amd_svm::{vmcb::VmsaveState, witness::canonical};
///
/// let mut qemu = VmsaveState::default();
/// qemu.tr.selector = 0x40;
/// qemu.tr.attributes = 0x089.into();
/// let mut bochs = qemu;
/// bochs.tr.attributes = 0x08B.into();
/// bochs.ldtr.base = 0x1234;
/// assert_ne!(qemu, bochs);
/// assert_eq!(canonical(&qemu), canonical(&bochs));
/// ```
#[must_use]
pub fn canonical(state: &VmsaveState) -> VmsaveState {
    let live_base = |segment: &Segment| Segment {
        base: segment.base,
        ..canonical_segment(segment)
    };
    VmsaveState {
        fs: live_base(&state.fs),
        gs: live_base(&state.gs),
        ldtr: canonical_segment(&state.ldtr),
        tr: canonical_segment(&state.tr),
        system_call: state.system_call,
    }
}

fn canonical_segment(segment: &Segment) -> Segment {
    if Selector(segment.selector).is_null() || !segment.attributes.present() {
        Segment {
            selector: segment.selector,
            ..Segment::default()
        }
    } else {
        Segment {
            attributes: canonical_attributes(segment),
            ..*segment
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// A processor of x64 Windows, as VMSAVE and as the witness see it.
    fn windows() -> (VmsaveState, Witness) {
        let system_call = SystemCallRegisters {
            star: 0x0023_0010_0000_0000,
            lstar: 0xFFFF_F803_1001_2340,
            cstar: 0xFFFF_F803_1001_2380,
            sfmask: 0x4700,
            kernel_gs_base: 0x7F_0000_1000,
            ..SystemCallRegisters::default()
        };
        let segment = |selector, attributes, limit, base| Segment {
            selector,
            attributes: SegmentAttributes::from(attributes),
            limit,
            base,
        };
        let state = VmsaveState {
            fs: segment(0x53, 0x4F3, 0x3C00, 0),
            gs: segment(0x2B, 0xCF3, 0xFFFF_FFFF, 0xFFFF_F803_0FFF_0000),
            ldtr: segment(0, 0x082, 0, 0),
            tr: segment(0x40, 0x08B, 0x67, 0xFFFF_F803_1234_5000),
            system_call,
        };
        let witness = Witness {
            system_call,
            fs_base: 0,
            gs_base: 0xFFFF_F803_0FFF_0000,
            fs_selector: 0x53,
            gs_selector: 0x2B,
            tr_selector: 0x40,
            ldtr_selector: 0,
            fs_descriptor: 0x0040_F300_0000_3C00,
            gs_descriptor: 0x00CF_F300_0000_FFFF,
            tr_descriptor: [0x1200_8B34_5000_0067, 0xFFFF_F803],
        };
        (state, witness)
    }

    fn disagreements(state: &VmsaveState, witness: &Witness) -> Vec<VmsaveField> {
        compare(state, witness)
            .filter(|comparison| !comparison.agrees)
            .map(|comparison| comparison.field)
            .collect()
    }

    #[test]
    fn an_honest_processor_agrees_with_itself_in_all_21_values() {
        let (state, witness) = windows();
        assert_eq!(disagreements(&state, &witness), []);
        assert_eq!(compare(&state, &witness).count(), 21);
    }

    #[test]
    fn what_emulators_store_differently_is_no_disagreement() {
        let (mut state, witness) = windows();
        // QEMU: the TSS is not busy, a null LDTR is present.
        state.tr.attributes = SegmentAttributes::from(0x089);
        assert_eq!(disagreements(&state, &witness), []);
        // Bochs: the TSS is busy, a null LDTR is not present and keeps what was there.
        state.tr.attributes = SegmentAttributes::from(0x08B);
        state.ldtr.attributes = SegmentAttributes::from(0);
        state.ldtr.base = 0x1234;
        state.ldtr.limit = 0xFFFF;
        assert_eq!(disagreements(&state, &witness), []);
        // The accessed bit, and a granularity bit kept or recomputed.
        state.fs.attributes = SegmentAttributes::from(0x4F2);
        state.gs.attributes = SegmentAttributes::from(0x4F3);
        assert_eq!(disagreements(&state, &witness), []);
    }

    #[test]
    fn a_change_of_each_value_is_seen_and_named() {
        use VmsaveField as Field;
        type Change = fn(&mut VmsaveState);
        let changes: [(Change, Field); 21] = [
            (|s| s.fs.selector ^= 8, Field::FsSelector),
            (|s| s.gs.selector ^= 8, Field::GsSelector),
            (|s| s.ldtr.selector ^= 8, Field::LdtrSelector),
            (|s| s.tr.selector ^= 8, Field::TrSelector),
            (|s| s.fs.base ^= 1, Field::FsBase),
            (|s| s.gs.base ^= 1 << 63, Field::GsBase),
            (|s| s.tr.base ^= 1 << 40, Field::TrBase),
            (|s| s.fs.limit ^= 1, Field::FsLimit),
            (|s| s.gs.limit ^= 1, Field::GsLimit),
            (|s| s.tr.limit ^= 1 << 16, Field::TrLimit),
            (
                |s| s.fs.attributes.set_privilege_level(0),
                Field::FsAttributes,
            ),
            (|s| s.gs.attributes.set_long(true), Field::GsAttributes),
            (|s| s.tr.attributes.set_available(true), Field::TrAttributes),
            (|s| s.system_call.star ^= 1, Field::Star),
            (|s| s.system_call.lstar ^= 1, Field::Lstar),
            (|s| s.system_call.cstar ^= 1, Field::Cstar),
            (|s| s.system_call.sfmask ^= 1, Field::Sfmask),
            (|s| s.system_call.kernel_gs_base ^= 1, Field::KernelGsBase),
            (|s| s.system_call.sysenter_cs ^= 1, Field::SysenterCs),
            (|s| s.system_call.sysenter_esp ^= 1, Field::SysenterEsp),
            (|s| s.system_call.sysenter_eip ^= 1, Field::SysenterEip),
        ];
        for (change, field) in changes {
            let (mut state, witness) = windows();
            change(&mut state);
            assert_eq!(disagreements(&state, &witness), [field]);
        }
    }

    #[test]
    fn a_limit_that_passes_a_mebibyte_is_no_disagreement_of_the_attributes() {
        let (mut state, witness) = windows();
        state.tr.limit = 0x10_0000;
        assert_eq!(disagreements(&state, &witness), [VmsaveField::TrLimit]);
    }

    #[test]
    fn a_null_selector_has_no_hidden_part_to_compare() {
        let (mut state, mut witness) = windows();
        state.fs.selector = 3;
        state.fs.limit = 0x1234;
        witness.fs_selector = 3;
        assert_eq!(disagreements(&state, &witness), []);
    }

    #[test]
    fn a_descriptor_that_is_gone_or_not_present_contradicts_what_was_loaded_from_it() {
        use VmsaveField as Field;
        let (mut state, mut witness) = windows();
        witness.tr_descriptor = [0; 2];
        assert_eq!(
            disagreements(&state, &witness),
            [Field::TrAttributes, Field::TrLimit, Field::TrBase]
        );
        let (_, mut witness) = windows();
        witness.fs_descriptor &= !(1 << 47);
        witness.gs_descriptor &= !(1 << 47);
        assert_eq!(
            disagreements(&state, &witness),
            [Field::FsAttributes, Field::GsAttributes]
        );
        // What was not loaded from the global table is not contradicted by it.
        for selector in [0, 3, 0x57] {
            state.fs.selector = selector;
            witness.fs_selector = selector;
            witness.fs_descriptor = 0;
            state.fs.base = 0x7F12_3456_7000;
            witness.fs_base = state.fs.base;
            assert_eq!(disagreements(&state, &witness), [Field::GsAttributes]);
            assert_eq!(compares_hidden_parts(&state), selector != 0x57);
        }
        state.fs = Segment::new(0x53, 0.into(), 0, 0);
        assert!(!compares_hidden_parts(&state));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_and_compare(state: [[u8; 32]; 4], witness: [[u8; 30]; 4]) {
            let state: VmsaveState = bytemuck::pod_read_unaligned(state.as_flattened());
            let witness: Witness = bytemuck::pod_read_unaligned(witness.as_flattened());
            prop_assert!((14..=21).contains(&compare(&state, &witness).count()));
            let once = canonical(&state);
            prop_assert_eq!(canonical(&once), once);
            prop_assert_eq!(once.system_call, state.system_call);
            prop_assert_eq!(once.gs.base, state.gs.base);
        }

        #[test]
        fn a_segment_loaded_from_a_descriptor_agrees_with_it(low: u64, high: u64, selector: u16) {
            let descriptor = Descriptor { low, high };
            let state = VmsaveState {
                tr: descriptor.load(Selector(selector)),
                ..VmsaveState::default()
            };
            let witness = Witness {
                tr_selector: selector,
                tr_descriptor: [low, high],
                ..Witness::default()
            };
            prop_assert_eq!(disagreements(&state, &witness), []);
        }
    }
}
