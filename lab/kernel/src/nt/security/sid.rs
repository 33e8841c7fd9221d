//! Security identifiers, as the bytes that they are in memory.

#![expect(unsafe_code, reason = "drivers pass identifiers by address")]

use alloc::vec::Vec;

use crate::base::address;
use crate::memory;
use crate::nt::rules::Routine;

/// `SID_REVISION`.
const REVISION: u8 = 1;

/// `SID_MAX_SUB_AUTHORITIES`.
const SUBAUTHORITIES_LIMIT: u8 = 15;

/// Bytes in front of the subauthorities.
const HEADER: u64 = 8;

/// A valid security identifier.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sid(Vec<u8>);

impl Sid {
    /// `S-1-authority-subauthorities`.
    pub(crate) fn new(authority: u8, subauthorities: &[u32]) -> Self {
        let count = u8::try_from(subauthorities.len()).expect("at most 15");
        let head = [REVISION, count, 0, 0, 0, 0, 0, authority];
        let tail = subauthorities.iter().flat_map(|one| one.to_le_bytes());
        Self(head.into_iter().chain(tail).collect())
    }

    /// Reads an identifier that lies in memory below `end`; none if it is not valid.
    pub(crate) fn read(routine: Routine, address: u64, end: u64) -> Option<Self> {
        let [revision, count] = [0, 1].map(|offset| byte(routine, address + offset));
        let length = HEADER + 4 * u64::from(count);
        let valid = revision == REVISION
            && count <= SUBAUTHORITIES_LIMIT
            && address.checked_add(length)? <= end;
        valid.then(|| {
            Self(
                (0..length)
                    .map(|offset| byte(routine, address + offset))
                    .collect(),
            )
        })
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn byte(routine: Routine, address: u64) -> u8 {
    routine.require(
        memory::is_mapped(address, 1, false),
        "pointer",
        format_args!("a security identifier reaches unmapped memory at {address:#x}"),
    );
    // SAFETY: the byte was just found to be mapped.
    unsafe { address::pointer::<u8>(address).read_volatile() }
}
