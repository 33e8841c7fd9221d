//! Discretionary access-control lists, as access checks read them.

use alloc::vec::Vec;

use lab_wire::Token;

use super::sid::Sid;
use super::token;

/// An entry that allows something.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    /// The account or group.
    pub sid: Sid,
    /// The rights.
    pub mask: u32,
}

/// Who may do what with an object; all others may do nothing.
#[derive(Clone, Debug)]
pub(crate) struct Dacl(pub Vec<Allowed>);

impl Dacl {
    /// Whether a token gets all of an access mask, none of whose rights is generic.
    pub(crate) fn grants(&self, token: Token, desired: u32) -> bool {
        let identifiers = token::identifiers(token);
        let granted = self
            .0
            .iter()
            .filter(|entry| identifiers.contains(&entry.sid))
            .fold(0, |granted, entry| granted | map_generic(entry.mask));
        desired & !granted == 0
    }
}

/// Replaces generic rights by those that they stand for with files.
const fn map_generic(mask: u32) -> u32 {
    const MAPPING: [(u32, u32); 4] = [
        (0x8000_0000, 0x0012_0089),
        (0x4000_0000, 0x0012_0116),
        (0x2000_0000, 0x0012_00A0),
        (0x1000_0000, 0x001F_01FF),
    ];
    let mut mapped = mask;
    let mut index = 0;
    while index < MAPPING.len() {
        let (generic, specific) = MAPPING[index];
        if mapped & generic != 0 {
            mapped = mapped & !generic | specific;
        }
        index += 1;
    }
    mapped
}
