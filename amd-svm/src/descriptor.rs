//! Segment descriptors as they stand in the global descriptor table.

use crate::segment::{Segment, SegmentAttributes};

/// A selector, as segment registers hold it. Source: APM volume 2, section 4.5.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Selector(pub u16);

impl Selector {
    /// Whether it is a null selector: index 0 of the global table, at any privilege level.
    #[must_use]
    pub const fn is_null(self) -> bool {
        self.0 & !0b11 == 0
    }

    /// Whether it selects from the local table instead of the global one.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0 & 0b100 != 0
    }

    /// Offset of the descriptor in its table, in bytes.
    #[must_use]
    pub const fn offset(self) -> u16 {
        self.0 & !0b111
    }

    /// Offset of the descriptor in the global table, if it selects one there.
    #[must_use]
    pub const fn global_offset(self) -> Option<u16> {
        if self.is_null() || self.is_local() {
            None
        } else {
            Some(self.offset())
        }
    }

    /// Which quadword of the global descriptor table is the first of the descriptor, if it
    /// selects one there that has `quadwords` of them, 1 or 2, within a table of that `limit`.
    ///
    /// `limit` is what `SGDT` stores: the size of the table in bytes, less one.
    #[inline]
    #[must_use]
    pub const fn global_quadword(self, quadwords: usize, limit: u16) -> Option<usize> {
        // One comparison answers for null and for local selectors too. Without the privilege
        // level, rotated, they are the index, with the bit for the local table on top; less one,
        // they count from the descriptor behind the null one, which becomes the largest number.
        let index = (self.0 as u32 & !0b11).rotate_right(3).wrapping_sub(1);
        let count = (limit as u32).saturating_sub(7) / 8;
        if index as u64 + quadwords as u64 > count as u64 {
            None
        } else {
            Some(index as usize + 1)
        }
    }
}

/// A descriptor: 8 bytes, or 16 for a system segment in long mode.
///
/// Source: APM volume 2, sections 4.7 (8 bytes) and 4.8 (16 bytes).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Descriptor {
    /// Bytes 0 to 7.
    pub low: u64,
    /// Bytes 8 to 15: the upper half of the base. Zero where the descriptor has 8 bytes.
    pub high: u64,
}

impl Descriptor {
    /// Type and flags, in the order of a [`Segment`].
    #[must_use]
    pub fn attributes(self) -> SegmentAttributes {
        let [.., access, flags, _] = self.low.to_le_bytes();
        SegmentAttributes::from(u16::from_le_bytes([access, flags >> 4]))
    }

    /// The highest valid offset, in bytes: the descriptor's 20 bits, expanded if they count
    /// pages.
    #[must_use]
    pub fn limit(self) -> u32 {
        let [l0, l1, .., flags, _] = self.low.to_le_bytes();
        let limit = u32::from_le_bytes([l0, l1, flags & 0xF, 0]);
        if self.attributes().granularity() {
            limit << 12 | 0xFFF
        } else {
            limit
        }
    }

    /// Linear base address. Of a code or data segment, 32 bits.
    #[must_use]
    pub fn base(self) -> u64 {
        let [_, _, b0, b1, b2, _, _, b3] = self.low.to_le_bytes();
        let [b4, b5, b6, b7, ..] = self.high.to_le_bytes();
        u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7])
    }

    /// The descriptor that loads as `segment` does: the reverse of [`load`](Self::load).
    ///
    /// `None` if there is none: a limit that the granularity bit cannot express, or the base of a
    /// code or data segment beyond 32 bits, which 64-bit code sets by other means. The second half
    /// of a system segment is filled for long mode; 32-bit code ignores it, as it is zero there.
    ///
    /// ```
    /// use amd_svm::descriptor::{Descriptor, Selector};
    ///
    /// let flat = Descriptor { low: 0x00CF_9A00_0000_FFFF, high: 0 };
    /// assert_eq!(Descriptor::of(&flat.load(Selector(8))), Some(flat));
    /// ```
    #[must_use]
    pub fn of(segment: &Segment) -> Option<Self> {
        let attributes = segment.attributes;
        let limit = if attributes.granularity() {
            if segment.limit & 0xFFF != 0xFFF {
                return None;
            }
            segment.limit >> 12
        } else {
            segment.limit
        };
        if limit > 0xF_FFFF || (attributes.code_or_data() && segment.base >> 32 != 0) {
            return None;
        }
        let [l0, l1, l2, _] = limit.to_le_bytes();
        let [access, flags] = u16::from(attributes).to_le_bytes();
        let [b0, b1, b2, b3, high @ ..] = segment.base.to_le_bytes();
        Some(Self {
            low: u64::from_le_bytes([l0, l1, b0, b1, b2, access, flags << 4 | l2, b3]),
            high: u32::from_le_bytes(high).into(),
        })
    }

    /// What loading `selector` with this descriptor puts into the hidden part of a segment
    /// register.
    #[must_use]
    pub fn load(self, selector: Selector) -> Segment {
        Segment {
            selector: selector.0,
            attributes: self.attributes(),
            limit: self.limit(),
            base: self.base(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_flat_code_segment_of_every_tutorial_decodes() {
        let segment = Descriptor {
            low: 0x00CF_9A00_0000_FFFF,
            high: 0,
        }
        .load(Selector(8));
        assert_eq!(segment.base, 0);
        assert_eq!(segment.limit, 0xFFFF_FFFF);
        assert_eq!(u16::from(segment.attributes), 0xC9A);
    }

    #[test]
    fn a_task_state_segment_has_its_base_in_both_halves() {
        let segment = Descriptor {
            low: 0x1200_8B34_5678_0067,
            high: 0xFFFF_F803,
        }
        .load(Selector(0x40));
        assert_eq!(segment.base, 0xFFFF_F803_1234_5678);
        assert_eq!(segment.limit, 0x67);
        assert_eq!(u16::from(segment.attributes), 0x08B);
    }

    #[test]
    fn selectors_come_apart() {
        assert!(Selector(3).is_null() && !Selector(4).is_null() && !Selector(8).is_null());
        assert!(Selector(4).is_local() && !Selector(8).is_local());
        assert_eq!(Selector(0x53).offset(), 0x50);
        assert_eq!(Selector(0x53).global_offset(), Some(0x50));
        assert_eq!(Selector(3).global_offset(), None);
        assert_eq!(Selector(0x54).global_offset(), None);
    }

    #[test]
    fn a_selector_selects_what_its_table_has_whole() {
        for limit in [0, 6, 7, 14, 15, 22, 23, 0x57, 0x6E, 0x6F, 0xFFFE, 0xFFFF] {
            for selector in (0..=u16::MAX).map(Selector) {
                for quadwords in [1, 2] {
                    let end = |offset| usize::from(offset) + 8 * quadwords;
                    let offset = selector
                        .global_offset()
                        .filter(|offset| end(*offset) <= usize::from(limit) + 1);
                    let quadword = selector.global_quadword(quadwords, limit);
                    assert_eq!(quadword, offset.map(|offset| usize::from(offset / 8)));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_descriptor_survives_being_loaded(low: u64, high: u32) {
            let system = low >> 44 & 1 == 0;
            let descriptor = Descriptor { low, high: if system { high.into() } else { 0 } };
            prop_assert_eq!(Descriptor::of(&descriptor.load(Selector(8))), Some(descriptor));
        }

        #[test]
        fn a_segment_survives_its_descriptor_or_has_none(
            bits in 0_u16..0x1000, limit: u32, base: u64, short: bool, pages: bool,
        ) {
            let segment = Segment {
                selector: 8,
                attributes: bits.into(),
                limit: if pages { limit | 0xFFF } else { limit >> 12 },
                base: if short { base >> 32 } else { base },
            };
            if let Some(descriptor) = Descriptor::of(&segment) {
                prop_assert_eq!(descriptor.load(Selector(8)), segment);
            } else {
                let granularity = segment.attributes.granularity();
                prop_assert!(
                    (granularity && segment.limit & 0xFFF != 0xFFF)
                        || (!granularity && segment.limit > 0xF_FFFF)
                        || (segment.attributes.code_or_data() && segment.base >> 32 != 0)
                );
            }
        }

        /// Against the layout as the manual draws it, bit by bit.
        #[test]
        fn every_bit_is_where_the_manual_draws_it(low: u64, high: u64) {
            let descriptor = Descriptor { low, high };
            let bits = |from: u32, count: u32| low >> from & ((1 << count) - 1);
            let attributes = u64::from(u16::from(descriptor.attributes()));
            prop_assert_eq!(attributes, bits(40, 8) | bits(52, 4) << 8);
            let limit = bits(0, 16) | bits(48, 4) << 16;
            let limit = if bits(55, 1) == 1 { limit << 12 | 0xFFF } else { limit };
            prop_assert_eq!(u64::from(descriptor.limit()), limit);
            let base = bits(16, 24) | bits(56, 8) << 24 | (high & 0xFFFF_FFFF) << 32;
            prop_assert_eq!(descriptor.base(), base);
        }
    }
}
