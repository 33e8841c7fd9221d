//! Segments as the processor caches them: the hidden part beside the selector.

use core::fmt;

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

/// A segment register as the VMCB stores it: selector, attributes, limit, base.
///
/// Source: APM volume 2, section 15.5.1 and appendix B.
#[repr(C)]
#[derive(Clone, Copy, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct Segment {
    /// The visible selector.
    pub selector: u16,
    /// Type and flags, packed into 12 bits.
    pub attributes: SegmentAttributes,
    /// The highest valid offset, in bytes: already expanded by the granularity bit.
    pub limit: u32,
    /// Linear base address. For FS and GS the live base, all 64 bits of it.
    pub base: u64,
}

const _: () = assert!(size_of::<Segment>() == 16);

impl Segment {
    /// A segment of these parts.
    #[must_use]
    pub const fn new(selector: u16, attributes: SegmentAttributes, limit: u32, base: u64) -> Self {
        Self {
            selector,
            attributes,
            limit,
            base,
        }
    }

    /// A descriptor table's register, of which only limit and base count: GDTR, IDTR.
    ///
    /// ```
    /// use amd_svm::segment::Segment;
    ///
    /// let gdtr = Segment::table(0xF_8000, 0x7F);
    /// let text = "Segment { selector: 0x0, attributes: 0x0, limit: 0x7f, base: 0xf8000 }";
    /// assert_eq!(format!("{gdtr:?}"), text);
    /// ```
    #[must_use]
    pub const fn table(base: u64, limit: u16) -> Self {
        Self::new(0, SegmentAttributes::new(), limit as u32, base)
    }
}

/// All in hexadecimal.
impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("selector", &format_args!("{:#x}", self.selector))
            .field(
                "attributes",
                &format_args!("{:#x}", u16::from(self.attributes)),
            )
            .field("limit", &format_args!("{:#x}", self.limit))
            .field("base", &format_args!("{:#x}", self.base))
            .finish()
    }
}

/// The attribute word of a [`Segment`]: descriptor bits 40-47 in bits 0-7, descriptor bits
/// 52-55 in bits 8-11.
///
/// Source: APM volume 2, section 15.5.1; the fields are those of section 4.7.
#[bitfield(u16)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct SegmentAttributes {
    /// Segment type: for system segments the descriptor's kind, for others the bits for code or
    /// data, expand-down or conforming, writable or readable, accessed.
    #[bits(4)]
    pub segment_type: u8,
    /// S: set for code and data, clear for system segments such as TSS and LDT.
    pub code_or_data: bool,
    /// Descriptor privilege level, 0 to 3.
    #[bits(2)]
    pub privilege_level: u8,
    /// P: the segment is present. Clear means that nothing else here has a meaning.
    pub present: bool,
    /// AVL: free for software.
    pub available: bool,
    /// L: 64-bit code.
    pub long: bool,
    /// D/B: the default operand size is 32 bits.
    pub default_big: bool,
    /// G: the descriptor's limit counts pages of 4 KiB.
    pub granularity: bool,
    /// Not defined; zero.
    #[bits(4)]
    pub reserved: u8,
}

impl SegmentAttributes {
    /// The same in 16 bits that leave the descriptor's gap: bits 8-11 for the middle of the limit,
    /// AVL, L, D/B and G in bits 12-15. Hyper-V's interface and VMX's access rights have this form.
    ///
    /// ```
    /// use amd_svm::segment::SegmentAttributes;
    ///
    /// let code = SegmentAttributes::from(0x29B);
    /// assert_eq!(code.to_unpacked(), 0x209B);
    /// assert_eq!(SegmentAttributes::from_unpacked(0x209B), code);
    /// ```
    #[must_use]
    pub fn to_unpacked(self) -> u16 {
        let packed = u16::from(self);
        packed & 0xFF | (packed & 0xF00) << 4
    }

    /// From the form of [`to_unpacked`](Self::to_unpacked); what stands in the gap is dropped.
    #[must_use]
    pub fn from_unpacked(unpacked: u16) -> Self {
        Self::from(unpacked & 0xFF | unpacked >> 4 & 0xF00)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_unpacked_form_goes_there_and_back(bits: u16) {
            let attributes = SegmentAttributes::from_unpacked(bits);
            prop_assert_eq!(attributes.to_unpacked(), bits & 0xF0FF);
            prop_assert_eq!(attributes.reserved(), 0);
            prop_assert_eq!(attributes.granularity(), bits >> 15 == 1);
            prop_assert_eq!(attributes.long(), bits >> 13 & 1 == 1);
            prop_assert_eq!(attributes.present(), bits >> 7 & 1 == 1);
        }

        #[test]
        fn the_packed_form_survives_the_unpacked_one(bits in 0_u16..0x1000) {
            let attributes = SegmentAttributes::from(bits);
            prop_assert_eq!(SegmentAttributes::from_unpacked(attributes.to_unpacked()), attributes);
        }
    }

    #[test]
    fn attributes_of_a_windows_tss_are_a_present_busy_system_segment() {
        let attributes = SegmentAttributes::from(0x008B);
        assert_eq!(attributes.segment_type(), 0xB);
        assert!(!attributes.code_or_data());
        assert!(attributes.present());
        assert_eq!(attributes.privilege_level(), 0);
    }

    #[test]
    fn attributes_of_a_flat_user_data_segment_carry_every_flag_in_its_place() {
        let attributes = SegmentAttributes::from(0x0CF3);
        assert_eq!(attributes.segment_type(), 3);
        assert!(attributes.code_or_data());
        assert_eq!(attributes.privilege_level(), 3);
        assert!(attributes.present());
        assert!(!attributes.available());
        assert!(!attributes.long());
        assert!(attributes.default_big());
        assert!(attributes.granularity());
        assert_eq!(attributes.reserved(), 0);
    }
}
