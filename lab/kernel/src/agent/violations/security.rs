//! Violations of the rules of what decides who may open a device.

use core::ffi::c_void;
use core::ptr;

use lab_wire::Violation;
use windows_sys::Win32::Foundation::LUID;
use windows_sys::Win32::Security::{ACL, SECURITY_DESCRIPTOR};

use crate::agent::test_driver;
use crate::base::address;
use crate::nt::io::device;
use crate::nt::security::{descriptor, handle, token};
use crate::nt::{irql, irql_routines};

/// `OBJ_KERNEL_HANDLE`.
const KERNEL_HANDLE: u32 = 0x200;

/// `READ_CONTROL`, which is enough to look at a descriptor.
const READ_CONTROL: u32 = 0x0002_0000;

/// `DACL_SECURITY_INFORMATION`.
const DACL: u32 = 0x4;

/// Breaks a rule.
pub(super) fn violate(kind: Violation) {
    let mut security = SECURITY_DESCRIPTOR::default();
    match kind {
        Violation::CreateAclMisaligned => {
            let mut room = [0_u32; 16];
            let inside = (&raw mut room).cast::<ACL>().wrapping_byte_add(2);
            descriptor::create_acl(inside, 32, 2);
        }
        Violation::CreateDescriptorAtDispatch => {
            irql_routines::raise(irql::DISPATCH_LEVEL);
            descriptor::create_security_descriptor(&raw mut security, 1);
        }
        Violation::CheckUnknownPrivilege => {
            let privilege = LUID {
                LowPart: 99,
                HighPart: 0,
            };
            token::single_privilege_check(privilege, 1);
        }
        Violation::OpenForProcess => {
            open_test_device(0);
        }
        Violation::OpenForeignObject => {
            open((&raw mut security).cast(), KERNEL_HANDLE);
        }
        Violation::SetSecurityWithoutAccess => {
            let opened = open_test_device(KERNEL_HANDLE);
            handle::set_security_object(opened, DACL, &raw const security);
        }
        _ => {
            handle::close(ptr::null_mut());
        }
    }
}

fn open_test_device(attributes: u32) -> *mut c_void {
    test_driver::install(test_driver::succeed, test_driver::succeed);
    let device = device::by_name(test_driver::OBJECT_NAME).expect("the device is there");
    open(address::pointer(device), attributes)
}

fn open(object: *mut c_void, attributes: u32) -> *mut c_void {
    let mut opened = ptr::null_mut();
    let none = ptr::null_mut();
    let result = &raw mut opened;
    handle::open_object_by_pointer(object, attributes, none, READ_CONTROL, none, 0, result);
    opened
}
