//! Who may open the device, and who may see addresses.
//!
//! The DACL is `D:P(A;;GA;;;SY)(A;;GA;;;BA)`. `IoCreateDeviceSecure` would take it as text, but is
//! no export of the kernel: it comes with a library that the WDK's Rust crates do not link. What
//! it does is done here with exported routines, while the device cannot be opened yet.

#![expect(
    unsafe_code,
    reason = "security structures are filled in through their address"
)]

use core::ptr::{self, NonNull};

use wdk_sys::ntddk::{
    ObOpenObjectByPointer, RtlAddAccessAllowedAce, RtlCreateAcl, RtlCreateSecurityDescriptor,
    RtlSetDaclSecurityDescriptor, SeSinglePrivilegeCheck, ZwClose, ZwSetSecurityObject,
};
use wdk_sys::{
    ACCESS_ALLOWED_ACE, ACL, ACL_REVISION, DACL_SECURITY_INFORMATION, DEVICE_OBJECT,
    DOMAIN_ALIAS_RID_ADMINS, FILE_ALL_ACCESS, HANDLE, KPROCESSOR_MODE, LUID, NTSTATUS,
    OBJ_KERNEL_HANDLE, PROTECTED_DACL_SECURITY_INFORMATION, SE_DEBUG_PRIVILEGE,
    SECURITY_BUILTIN_DOMAIN_RID, SECURITY_DESCRIPTOR, SECURITY_DESCRIPTOR_REVISION,
    SECURITY_LOCAL_SYSTEM_RID, SID_IDENTIFIER_AUTHORITY, WRITE_DAC,
};

use crate::wdm::status::check;
use crate::wdm::wait::KERNEL_MODE;

/// Whether the caller of a snapshot may see addresses.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Addresses {
    /// The caller may.
    Shown,
    /// The caller may not: they are taken out.
    Redacted,
}

/// A security identifier with room for two subauthorities.
#[repr(C)]
struct Sid {
    revision: u8,
    subauthority_count: u8,
    authority: SID_IDENTIFIER_AUTHORITY,
    subauthorities: [u32; 2],
}

/// `SECURITY_NT_AUTHORITY` of the WDK, which is an initialiser in C.
const NT_AUTHORITY: SID_IDENTIFIER_AUTHORITY = SID_IDENTIFIER_AUTHORITY {
    Value: [0, 0, 0, 0, 0, 5],
};

/// S-1-5-18.
const LOCAL_SYSTEM: Sid = Sid {
    revision: 1,
    subauthority_count: 1,
    authority: NT_AUTHORITY,
    subauthorities: [SECURITY_LOCAL_SYSTEM_RID, 0],
};

/// S-1-5-32-544.
const ADMINISTRATORS: Sid = Sid {
    revision: 1,
    subauthority_count: 2,
    authority: NT_AUTHORITY,
    subauthorities: [SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS],
};

/// Room for an ACL with an entry for each of the two, each as long as can be.
const ACL_SIZE: usize = size_of::<ACL>() + 2 * (size_of::<ACCESS_ALLOWED_ACE>() + size_of::<Sid>());

/// The same, as wide as the routine takes it.
#[expect(clippy::cast_possible_truncation, reason = "less than a hundred bytes")]
const ACL_LENGTH: u32 = ACL_SIZE as u32;

/// An ACL is a header that entries follow.
#[repr(C, align(8))]
struct AclBuffer([u8; ACL_SIZE]);

/// Lets SYSTEM and Administrators open the device, and no other account. `IRQL == PASSIVE_LEVEL`.
pub(crate) fn restrict(device: NonNull<DEVICE_OBJECT>) -> Result<(), NTSTATUS> {
    let mut buffer = AclBuffer([0; ACL_SIZE]);
    let acl = (&raw mut buffer).cast::<ACL>();
    // SAFETY: the buffer is as long as is said, and aligned for its header.
    check(unsafe { RtlCreateAcl(acl, ACL_LENGTH, ACL_REVISION) })?;
    for mut sid in [LOCAL_SYSTEM, ADMINISTRATORS] {
        let sid = (&raw mut sid).cast();
        // SAFETY: the ACL was created above, the identifier is whole; both are checked.
        check(unsafe { RtlAddAccessAllowedAce(acl, ACL_REVISION, FILE_ALL_ACCESS, sid) })?;
    }
    let mut descriptor = SECURITY_DESCRIPTOR::default();
    let descriptor = (&raw mut descriptor).cast();
    // SAFETY: the descriptor is large enough for the absolute form.
    check(unsafe { RtlCreateSecurityDescriptor(descriptor, SECURITY_DESCRIPTOR_REVISION) })?;
    // SAFETY: descriptor and ACL were created above, and live until they have been applied.
    check(unsafe { RtlSetDaclSecurityDescriptor(descriptor, 1, acl, 0) })?;
    let handle = open(device)?;
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: the handle is open for writing the DACL, the descriptor is whole.
    let applied = check(unsafe { ZwSetSecurityObject(handle, what, descriptor) });
    // SAFETY: opened above, and not used any more.
    check(unsafe { ZwClose(handle) })?;
    applied
}

/// Opens the device for writing its DACL. `IRQL == PASSIVE_LEVEL`.
fn open(device: NonNull<DEVICE_OBJECT>) -> Result<HANDLE, NTSTATUS> {
    let mut handle = ptr::null_mut();
    // SAFETY: the device exists; the handle is the kernel's own, out of reach of any process.
    check(unsafe {
        ObOpenObjectByPointer(
            device.as_ptr().cast(),
            OBJ_KERNEL_HANDLE,
            ptr::null_mut(),
            WRITE_DAC,
            ptr::null_mut(),
            KERNEL_MODE,
            &raw mut handle,
        )
    })?;
    Ok(handle)
}

/// Whether the thread that sent the current request may see addresses of the kernel: Windows
/// shows them to those who hold `SeDebugPrivilege`. `IRQL == PASSIVE_LEVEL`, in the context of
/// that thread.
pub(crate) fn addresses_for_caller(mode: KPROCESSOR_MODE) -> Addresses {
    let privilege = LUID {
        LowPart: SE_DEBUG_PRIVILEGE,
        HighPart: 0,
    };
    // SAFETY: reads the token of the current thread.
    if unsafe { SeSinglePrivilegeCheck(privilege, mode) } == 0 {
        Addresses::Redacted
    } else {
        Addresses::Shown
    }
}
