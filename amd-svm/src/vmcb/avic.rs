//! The advanced virtual interrupt controller: the tables that the VMCB points to.

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

/// Bits 51 to 12: the address of a page, whose lower bits are zero.
const PAGE: u64 = 0x000F_FFFF_FFFF_F000;

/// `AVIC PHYSICAL_TABLE` with `AVIC_PHYSICAL_MAX_INDEX`: where the table of physical identifiers
/// is, and which of its entries is the last.
///
/// Source: APM volume 2, section 15.29.4.2 and appendix B, table B-1, offset 0F8h.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct AvicPhysicalTable {
    /// The index of the last entry; at most 0xFF, and 0x1FF or more in x2APIC mode.
    #[bits(12)]
    pub max_index: u16,
    #[bits(52)]
    address_and_reserved: u64,
}

impl AvicPhysicalTable {
    /// The table at a physical address; `None` if that is no page's address below 2^52, or the
    /// index does not fit in 12 bits.
    ///
    /// ```
    /// use amd_svm::vmcb::AvicPhysicalTable;
    ///
    /// let table = AvicPhysicalTable::at(0x5000, 7).expect("a page");
    /// assert_eq!(u64::from(table), 0x5007);
    /// assert_eq!(table.address(), 0x5000);
    /// assert_eq!(AvicPhysicalTable::at(0x5008, 7), None);
    /// ```
    #[must_use]
    pub const fn at(address: u64, max_index: u16) -> Option<Self> {
        if address & !PAGE == 0 && max_index < 0x1000 {
            Some(Self::from_bits(address | max_index as u64))
        } else {
            None
        }
    }

    /// The physical address of the table.
    #[must_use]
    pub const fn address(self) -> u64 {
        self.into_bits() & PAGE
    }
}

/// An entry of the table of physical identifiers: which physical processor runs the virtual one.
///
/// Source: APM volume 2, section 15.29.5.2, table 15-23.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct AvicPhysicalEntry {
    /// The APIC identifier of the physical processor; the upper four bits in x2APIC mode only.
    #[bits(12)]
    pub host_apic_id: u16,
    #[bits(40)]
    backing_page_number: u64,
    #[bits(10)]
    __: u16,
    /// The virtual processor runs, there.
    pub is_running: bool,
    /// The entry counts.
    pub valid: bool,
}

impl AvicPhysicalEntry {
    /// The physical address of the virtual processor's APIC backing page.
    #[must_use]
    pub const fn backing_page(self) -> u64 {
        self.into_bits() & PAGE
    }

    /// The same with another backing page; `None` if that is no page's address below 2^52.
    #[must_use]
    pub const fn with_backing_page(self, address: u64) -> Option<Self> {
        if address & !PAGE == 0 {
            Some(Self::from_bits(self.into_bits() & !PAGE | address))
        } else {
            None
        }
    }
}

/// An entry of the table of logical identifiers.
///
/// Source: APM volume 2, section 15.29.5.3, table 15-24.
#[bitfield(u32)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct AvicLogicalEntry {
    /// The physical identifier of the virtual processor.
    #[bits(8)]
    pub guest_physical_id: u8,
    #[bits(23)]
    __: u32,
    /// The entry counts.
    pub valid: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_the_bits_of_section_15_29() {
        let entry = AvicPhysicalEntry::new()
            .with_host_apic_id(3)
            .with_valid(true);
        let entry = entry.with_backing_page(0xABC_D000).unwrap();
        assert_eq!(u64::from(entry), 1 << 63 | 0xABC_D003);
        assert_eq!(entry.backing_page(), 0xABC_D000);
        assert_eq!(u64::from(entry.with_is_running(true)) >> 62, 0b11);
        assert_eq!(entry.with_backing_page(1 << 52), None);
        assert_eq!(AvicPhysicalTable::at(0x1000, 0x1000), None);
        let logical = AvicLogicalEntry::new()
            .with_guest_physical_id(9)
            .with_valid(true);
        assert_eq!(u32::from(logical), 0x8000_0009);
    }
}
