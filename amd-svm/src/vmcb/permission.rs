//! The maps of what a guest may access: model-specific registers, and I/O ports.
//!
//! Both are pages that the VMCB points to by physical address; a set bit exits.

use core::fmt;
use core::ops::RangeInclusive;

use bytemuck::{Pod, Zeroable};

/// Which accesses of a model-specific register exit.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Access {
    /// `RDMSR`.
    Read,
    /// `WRMSR`.
    Write,
    /// Both.
    Both,
}

impl Access {
    /// The two bits of a register in the map.
    const fn bits(self) -> u8 {
        match self {
            Self::Read => 0b01,
            Self::Write => 0b10,
            Self::Both => 0b11,
        }
    }
}

/// A register that the map has no bits for. An access to it always exits under
/// [`Intercepts1::msr`](super::Intercepts1::msr).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct OutsideMsrMap(pub u32);

impl fmt::Display for OutsideMsrMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(register) = self;
        write!(
            f,
            "the map has no bits for {register:#x}, which exits in any case: it covers 0 to 0x1fff, \
             0xc0000000 to 0xc0001fff and 0xc0010000 to 0xc0011fff"
        )
    }
}

impl core::error::Error for OutsideMsrMap {}

/// The MSR permission map: which registers' reads and writes exit.
///
/// Two pages, for [`ControlArea::msr_permission_map`](super::ControlArea::msr_permission_map).
/// Source: APM volume 2, section 15.11, table 15-8.
///
/// ```
/// use amd_svm::vmcb::{Access, MsrPermissionMap, OutsideMsrMap};
///
/// let mut map = MsrPermissionMap::ALLOW;
/// map.intercept(0xC000_0080..=0xC000_0084, Access::Write)?;
/// assert!(map.exits(0xC000_0082, Access::Write));
/// assert!(!map.exits(0xC000_0082, Access::Read));
/// assert!(map.exits(0xC002_0000, Access::Read));
/// # Ok::<(), OutsideMsrMap>(())
/// ```
#[repr(C, align(4096))]
#[derive(Clone, Copy, Eq, PartialEq, Pod, Zeroable)]
pub struct MsrPermissionMap([u8; MsrPermissionMap::SIZE]);

/// Registers in each of the map's parts.
const PART: u32 = 0x2000;

/// The first register of each part.
const PARTS: [u32; 3] = [0, 0xC000_0000, 0xC001_0000];

impl MsrPermissionMap {
    /// Size in bytes.
    pub const SIZE: usize = 0x2000;

    /// No register that has bits exits.
    pub const ALLOW: Self = bytemuck::zeroed();

    /// Every register exits.
    pub const INTERCEPT: Self = bytemuck::must_cast([0xFF_u8; Self::SIZE]);

    /// Makes accesses to a range of registers exit.
    ///
    /// # Errors
    ///
    /// If the map has no bits for one of the registers; nothing is changed then.
    pub const fn intercept(
        &mut self,
        registers: RangeInclusive<u32>,
        access: Access,
    ) -> Result<(), OutsideMsrMap> {
        self.set(*registers.start(), *registers.end(), access, true)
    }

    /// Lets the guest access a range of registers.
    ///
    /// # Errors
    ///
    /// If the map has no bits for one of the registers; nothing is changed then.
    pub const fn allow(
        &mut self,
        registers: RangeInclusive<u32>,
        access: Access,
    ) -> Result<(), OutsideMsrMap> {
        self.set(*registers.start(), *registers.end(), access, false)
    }

    /// Whether an access exits, of both whether one of the two does: as the processor decides under
    /// [`Intercepts1::msr`](super::Intercepts1::msr), a register outside the map too.
    #[must_use]
    pub const fn exits(&self, register: u32, access: Access) -> bool {
        match place(register) {
            Some((byte, shift)) => self.0[byte] >> shift & access.bits() != 0,
            None => true,
        }
    }

    const fn set(
        &mut self,
        first: u32,
        last: u32,
        access: Access,
        exits: bool,
    ) -> Result<(), OutsideMsrMap> {
        if first > last {
            return Ok(());
        }
        if place(first).is_none() {
            return Err(OutsideMsrMap(first));
        }
        // The parts do not touch each other: whatever ends in the same part lies in it.
        let end = first - first % PART + (PART - 1);
        if last > end {
            return Err(OutsideMsrMap(end + 1));
        }
        let mut register = first;
        loop {
            if let Some((byte, shift)) = place(register) {
                let bits = access.bits() << shift;
                if exits {
                    self.0[byte] |= bits;
                } else {
                    self.0[byte] &= !bits;
                }
            }
            if register == last {
                return Ok(());
            }
            register += 1;
        }
    }
}

/// The byte of a register's two bits, and the lower one's place in it.
const fn place(register: u32) -> Option<(usize, u32)> {
    let part = match register - register % PART {
        base if base == PARTS[0] => 0,
        base if base == PARTS[1] => 1,
        base if base == PARTS[2] => 2,
        _ => return None,
    };
    let number = part * PART + register % PART;
    Some((number as usize / 4, number % 4 * 2))
}

/// The registers that have bits set, as ranges with the bits' letters.
impl fmt::Debug for MsrPermissionMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = |register| match (
            self.exits(register, Access::Read),
            self.exits(register, Access::Write),
        ) {
            (false, false) => None,
            (true, false) => Some("r"),
            (false, true) => Some("w"),
            (true, true) => Some("rw"),
        };
        let mut ranges = f.debug_map();
        for part in PARTS {
            runs(part..=part + (PART - 1), bits, |first, last, letters| {
                ranges.entry(
                    &format_args!("{first:#x}..={last:#x}"),
                    &format_args!("{letters}"),
                );
            });
        }
        ranges.finish()
    }
}

/// Calls `found` for each run of numbers that have the same answer.
fn runs<T: Copy + PartialEq>(
    numbers: RangeInclusive<u32>,
    answer: impl Fn(u32) -> Option<T>,
    mut found: impl FnMut(u32, u32, T),
) {
    let mut run: Option<(u32, u32, T)> = None;
    for number in numbers {
        let here = answer(number);
        match &mut run {
            Some((_, last, value)) if here == Some(*value) => *last = number,
            _ => {
                if let Some((first, last, value)) = run {
                    found(first, last, value);
                }
                run = here.map(|value| (number, number, value));
            }
        }
    }
    if let Some((first, last, value)) = run {
        found(first, last, value);
    }
}

/// The I/O permission map: accesses to which ports exit.
///
/// Three pages, for [`ControlArea::io_permission_map`](super::ControlArea::io_permission_map); the
/// last has three bits, for accesses that go beyond port `FFFF`. Source: APM volume 2, section
/// 15.10.1.
///
/// ```
/// use amd_svm::vmcb::IoPermissionMap;
///
/// let mut map = IoPermissionMap::ALLOW;
/// map.intercept(0x3F8..=0x3FF);
/// assert!(map.exits(0x3F8, 1) && !map.exits(0x3F7, 1));
/// // A word at 3F7 touches 3F8.
/// assert!(map.exits(0x3F7, 2));
/// ```
#[repr(C, align(4096))]
#[derive(Clone, Copy, Eq, PartialEq, Pod, Zeroable)]
pub struct IoPermissionMap([u8; IoPermissionMap::SIZE]);

impl IoPermissionMap {
    /// Size in bytes.
    pub const SIZE: usize = 0x3000;

    /// No port exits.
    pub const ALLOW: Self = bytemuck::zeroed();

    /// Every port exits.
    pub const INTERCEPT: Self = bytemuck::must_cast([0xFF_u8; Self::SIZE]);

    /// Makes accesses to a range of ports exit.
    pub const fn intercept(&mut self, ports: RangeInclusive<u16>) {
        self.set(*ports.start(), *ports.end(), true);
    }

    /// Lets the guest access a range of ports.
    pub const fn allow(&mut self, ports: RangeInclusive<u16>) {
        self.set(*ports.start(), *ports.end(), false);
    }

    /// Whether an access of so many bytes, of which 1, 2 and 4 exist, exits: it does if one of its
    /// bytes does.
    #[must_use]
    pub const fn exits(&self, port: u16, bytes: u8) -> bool {
        let mut byte = 0;
        while byte < bytes {
            let bit = port as usize + byte as usize;
            if self.0[bit / 8] >> (bit % 8) & 1 == 1 {
                return true;
            }
            byte += 1;
        }
        false
    }

    const fn set(&mut self, first: u16, last: u16, exits: bool) {
        let mut bit = first as usize;
        while bit <= last as usize {
            let mask = 1 << (bit % 8);
            if exits {
                self.0[bit / 8] |= mask;
            } else {
                self.0[bit / 8] &= !mask;
            }
            bit += 1;
        }
    }
}

/// The ports that exit, as ranges.
impl fmt::Debug for IoPermissionMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exits = |port: u32| {
            let port = u16::try_from(port).ok()?;
            self.exits(port, 1).then_some(())
        };
        let mut ranges = f.debug_set();
        runs(0..=u32::from(u16::MAX), exits, |first, last, ()| {
            ranges.entry(&format_args!("{first:#x}..={last:#x}"));
        });
        ranges.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_register_has_its_bits_where_table_15_8_says() {
        for (register, byte, shift) in [
            (0, 0, 0),
            (0x174, 0x5D, 0),
            (0x1FFF, 0x7FF, 6),
            (0xC000_0000, 0x800, 0),
            (0xC000_0081, 0x820, 2),
            (0xC000_1FFF, 0xFFF, 6),
            (0xC001_0117, 0x1045, 6),
            (0xC001_1FFF, 0x17FF, 6),
        ] {
            let mut map = MsrPermissionMap::ALLOW;
            map.intercept(register..=register, Access::Both).unwrap();
            let set: std::vec::Vec<_> =
                map.0.iter().enumerate().filter(|(_, b)| **b != 0).collect();
            assert_eq!(set, [(byte, &(0b11 << shift))], "{register:#x}");
            map.allow(register..=register, Access::Write).unwrap();
            assert_eq!(map.0[byte], 0b01 << shift);
        }
        assert_eq!(size_of::<MsrPermissionMap>(), 2 * 4096);
        assert_eq!(size_of::<IoPermissionMap>(), 3 * 4096);
    }

    #[test]
    fn a_range_that_leaves_the_map_changes_nothing_and_is_named() {
        let mut map = MsrPermissionMap::ALLOW;
        for (range, outside) in [
            (0x2000..=0x2000, 0x2000),
            (0x1FFF..=0x2000, 0x2000),
            (0..=u32::MAX, 0x2000),
            (0xC000_1000..=0xC001_0000, 0xC000_2000),
            (0xC001_2000..=u32::MAX, 0xC001_2000),
        ] {
            let outcome = map.intercept(range, Access::Read);
            assert_eq!(outcome, Err(OutsideMsrMap(outside)));
            assert!(map == MsrPermissionMap::ALLOW);
        }
        #[expect(
            clippy::reversed_empty_ranges,
            reason = "an empty range is what is tried"
        )]
        let empty = map.intercept(5..=4, Access::Read);
        assert_eq!(empty, Ok(()));
        assert!(map == MsrPermissionMap::ALLOW);
    }

    #[test]
    fn maps_are_printed_by_their_ranges() {
        let mut map = MsrPermissionMap::ALLOW;
        map.intercept(0x10..=0x12, Access::Read).unwrap();
        map.intercept(0xC000_0080..=0xC000_0080, Access::Both)
            .unwrap();
        assert_eq!(
            format!("{map:?}"),
            "{0x10..=0x12: r, 0xc0000080..=0xc0000080: rw}"
        );
        let mut map = IoPermissionMap::ALLOW;
        map.intercept(0x60..=0x64);
        map.allow(0x61..=0x63);
        map.intercept(0xFFFF..=0xFFFF);
        assert_eq!(
            format!("{map:?}"),
            "{0x60..=0x60, 0x64..=0x64, 0xffff..=0xffff}"
        );
        assert!(map.exits(0xFFFE, 4) && !map.exits(0xFFFB, 4));
        assert!(!IoPermissionMap::ALLOW.exits(0xFFFF, 4) && IoPermissionMap::INTERCEPT.exits(7, 1));
    }

    proptest! {
        #[test]
        fn exactly_the_range_exits(first: u16, length in 0_u16..300, probe: u16) {
            let last = first.saturating_add(length);
            let mut map = IoPermissionMap::ALLOW;
            map.intercept(first..=last);
            prop_assert_eq!(map.exits(probe, 1), (first..=last).contains(&probe));
            map.allow(first..=last);
            prop_assert!(map == IoPermissionMap::ALLOW);
        }

        #[test]
        fn exactly_the_range_of_registers_exits(
            first in 0_u32..0x2000, length in 0_u32..64, probe in 0_u32..0x2000, part in 0_usize..3,
        ) {
            let base = PARTS[part];
            let last = (first + length).min(0x1FFF);
            let mut map = MsrPermissionMap::ALLOW;
            prop_assert_eq!(map.intercept(base + first..=base + last, Access::Write), Ok(()));
            prop_assert_eq!(map.exits(base + probe, Access::Write), (first..=last).contains(&probe));
            prop_assert!(!map.exits(base + probe, Access::Read));
        }
    }
}
