//! Security descriptors and access-control lists, as drivers build them.

#![expect(unsafe_code, reason = "lists are raw memory behind a header")]

use alloc::vec::Vec;
use core::ffi::c_void;

use windows_sys::Win32::Security::{ACCESS_ALLOWED_ACE, ACL, SECURITY_DESCRIPTOR};
use windows_sys::Win32::System::SystemServices::{
    ACCESS_ALLOWED_ACE_TYPE, SECURITY_DESCRIPTOR_REVISION,
};

use super::dacl::{Allowed, Dacl};
use super::sid::Sid;
use crate::base::address;
use crate::memory;
use crate::nt::rules::{Object, Routine};
use crate::nt::structures::field;
use crate::nt::{irql, status};

/// `SECURITY_DESCRIPTOR.Control`.
mod control {
    pub(super) const DACL_PRESENT: u16 = 0x0004;
    pub(super) const DACL_DEFAULTED: u16 = 0x0008;
    pub(super) const SELF_RELATIVE: u16 = 0x8000;
}

/// `MIN_ACL_REVISION` and `MAX_ACL_REVISION`.
const ACL_REVISIONS: core::ops::RangeInclusive<u32> = 2..=4;

const ACL_HEADER: u64 = size_of::<ACL>() as u64;

/// Bytes of an entry in front of its identifier.
const ACE_HEADER: u64 = core::mem::offset_of!(ACCESS_ALLOWED_ACE, SidStart) as u64;

/// `RtlCreateSecurityDescriptor`: `<= APC_LEVEL`.
pub(crate) extern "win64" fn create_security_descriptor(
    descriptor: *mut SECURITY_DESCRIPTOR,
    revision: u32,
) -> u32 {
    const ROUTINE: Routine = Routine("RtlCreateSecurityDescriptor");
    ROUTINE.irql_at_most(irql::APC_LEVEL);
    let descriptor = ROUTINE.object("SecurityDescriptor", descriptor);
    if revision != SECURITY_DESCRIPTOR_REVISION {
        return status::UNKNOWN_REVISION;
    }
    descriptor.write(SECURITY_DESCRIPTOR {
        Revision: 1,
        ..SECURITY_DESCRIPTOR::default()
    });
    status::SUCCESS
}

/// `RtlCreateAcl`: `<= APC_LEVEL`.
pub(crate) extern "win64" fn create_acl(acl: *mut ACL, length: u32, revision: u32) -> u32 {
    const ROUTINE: Routine = Routine("RtlCreateAcl");
    ROUTINE.irql_at_most(irql::APC_LEVEL);
    if u64::from(length) < ACL_HEADER {
        return status::BUFFER_TOO_SMALL;
    }
    let Ok(size) = u16::try_from(length & !3) else {
        return status::INVALID_PARAMETER;
    };
    if !ACL_REVISIONS.contains(&revision) {
        return status::INVALID_PARAMETER;
    }
    let acl = list(ROUTINE, "Acl", acl, length.into());
    acl.write(ACL {
        AclRevision: (revision & 0xFF) as u8,
        AclSize: size,
        ..ACL::default()
    });
    status::SUCCESS
}

/// A list's header, with so many bytes of memory behind it; aligned as a DWORD.
fn list(routine: Routine, parameter: &str, acl: *mut ACL, length: u64) -> Object<ACL> {
    let address = acl.addr() as u64;
    routine.require(
        address.is_multiple_of(4),
        "alignment",
        format_args!("{parameter} {address:#x}, the page demands alignment to a DWORD"),
    );
    routine.require(
        memory::is_mapped(address, length, true),
        "pointer",
        format_args!("{parameter} {address:#x} is not {length} bytes of writable memory"),
    );
    routine.object(parameter, acl)
}

/// `RtlAddAccessAllowedAce`: `<= APC_LEVEL`.
pub(crate) extern "win64" fn add_access_allowed_ace(
    acl: *mut ACL,
    revision: u32,
    mask: u32,
    sid: *const c_void,
) -> u32 {
    const ROUTINE: Routine = Routine("RtlAddAccessAllowedAce");
    ROUTINE.irql_at_most(irql::APC_LEVEL);
    let acl = list(ROUTINE, "Acl", acl, ACL_HEADER);
    let own_revision = u32::from(acl.get(field!(ACL, AclRevision)));
    if !ACL_REVISIONS.contains(&own_revision) {
        return status::INVALID_ACL;
    }
    let Some(sid) = Sid::read(ROUTINE, sid.addr() as u64, u64::MAX) else {
        return status::INVALID_SID;
    };
    if !ACL_REVISIONS.contains(&revision) || revision > own_revision {
        return status::REVISION_MISMATCH;
    }
    let Some((_, free)) = entries(ROUTINE, acl) else {
        return status::INVALID_ACL;
    };
    let length = ACE_HEADER + sid.bytes().len() as u64;
    let end = acl.address() + u64::from(acl.get(field!(ACL, AclSize)));
    if free + length > end {
        return status::ALLOTTED_SPACE_EXCEEDED;
    }
    let length = u16::try_from(length).expect("it fits into a list");
    let [low, high] = length.to_le_bytes();
    let head = [ACCESS_ALLOWED_ACE_TYPE.to_le_bytes()[0], 0, low, high];
    let entry: Vec<u8> = [&head, &mask.to_le_bytes(), sid.bytes()].concat();
    let target = address::pointer::<u8>(free);
    ROUTINE.require(
        memory::is_mapped(free, entry.len() as u64, true),
        "pointer",
        format_args!("the list reaches unmapped memory at {free:#x}"),
    );
    // SAFETY: the bytes were just found to be mapped, and lie inside the list.
    unsafe { target.copy_from(entry.as_ptr(), entry.len()) };
    let count = acl.get(field!(ACL, AceCount));
    acl.set(field!(ACL, AceCount), count + 1);
    status::SUCCESS
}

/// The entries of a list, and the address behind the last; none if they don't fit.
fn entries(routine: Routine, acl: Object<ACL>) -> Option<(Vec<Allowed>, u64)> {
    let end = acl.address() + u64::from(acl.get(field!(ACL, AclSize)));
    let mut address = acl.address() + ACL_HEADER;
    let mut entries = Vec::new();
    for _ in 0..acl.get(field!(ACL, AceCount)) {
        if address + ACE_HEADER > end {
            return None;
        }
        let entry = routine.object("Ace", address::pointer::<ACCESS_ALLOWED_ACE>(address));
        let header = entry.get(field!(ACCESS_ALLOWED_ACE, Header));
        routine.require(
            u32::from(header.AceType) == ACCESS_ALLOWED_ACE_TYPE,
            "entry",
            format_args!("the lab doesn't know entries of type {}", header.AceType),
        );
        let next = address + u64::from(header.AceSize);
        if next > end {
            return None;
        }
        entries.push(Allowed {
            sid: Sid::read(routine, address + ACE_HEADER, next)?,
            mask: entry.get(field!(ACCESS_ALLOWED_ACE, Mask)),
        });
        address = next;
    }
    Some((entries, address))
}

/// `RtlSetDaclSecurityDescriptor`: `<= APC_LEVEL`.
pub(crate) extern "win64" fn set_dacl(
    descriptor: *mut SECURITY_DESCRIPTOR,
    present: u8,
    acl: *mut ACL,
    defaulted: u8,
) -> u32 {
    const ROUTINE: Routine = Routine("RtlSetDaclSecurityDescriptor");
    ROUTINE.irql_at_most(irql::APC_LEVEL);
    let descriptor = ROUTINE.object("SecurityDescriptor", descriptor);
    if let Err(status) = check(descriptor) {
        return status;
    }
    let mut flags = descriptor.get(field!(SECURITY_DESCRIPTOR, Control));
    flags &= !(control::DACL_PRESENT | control::DACL_DEFAULTED);
    if present != 0 {
        flags |= control::DACL_PRESENT;
        if defaulted != 0 {
            flags |= control::DACL_DEFAULTED;
        }
        descriptor.set(field!(SECURITY_DESCRIPTOR, Dacl), acl);
    }
    descriptor.set(field!(SECURITY_DESCRIPTOR, Control), flags);
    status::SUCCESS
}

/// Whether a descriptor was created, and in the absolute form.
fn check(descriptor: Object<SECURITY_DESCRIPTOR>) -> Result<(), u32> {
    let revision = descriptor.get(field!(SECURITY_DESCRIPTOR, Revision));
    if u32::from(revision) != SECURITY_DESCRIPTOR_REVISION {
        return Err(status::UNKNOWN_REVISION);
    }
    let flags = descriptor.get(field!(SECURITY_DESCRIPTOR, Control));
    if flags & control::SELF_RELATIVE != 0 {
        return Err(status::INVALID_SECURITY_DESCR);
    }
    Ok(())
}

/// The list of a descriptor; none if every token is allowed.
pub(crate) fn dacl(
    routine: Routine,
    descriptor: *const SECURITY_DESCRIPTOR,
) -> Result<Option<Dacl>, u32> {
    let descriptor = routine.object("SecurityDescriptor", descriptor);
    check(descriptor)?;
    let flags = descriptor.get(field!(SECURITY_DESCRIPTOR, Control));
    let acl = descriptor.get(field!(SECURITY_DESCRIPTOR, Dacl));
    if flags & control::DACL_PRESENT == 0 || acl.is_null() {
        return Ok(None);
    }
    let acl = list(routine, "Dacl", acl, ACL_HEADER);
    let (entries, _) = entries(routine, acl).ok_or(status::INVALID_ACL)?;
    Ok(Some(Dacl(entries)))
}
