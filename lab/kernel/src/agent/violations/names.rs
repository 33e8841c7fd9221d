//! Violations of the rules of devices and their names.

use core::ptr;

use lab_wire::Violation;
use windows_sys::Wdk::Foundation::DEVICE_OBJECT;
use windows_sys::Win32::Foundation::UNICODE_STRING;

use super::objects::block;
use crate::nt::io::{device, namespace};
use crate::nt::{irql, irql_routines};

/// Breaks a rule.
pub(super) fn violate(kind: Violation) {
    match kind {
        Violation::CreateDeviceAtDispatch => {
            irql_routines::raise(irql::DISPATCH_LEVEL);
            let mut device = ptr::null_mut::<DEVICE_OBJECT>();
            let name = ptr::null();
            device::create_device(ptr::null_mut(), 0, name, 0, 0, 0, &raw mut device);
        }
        Violation::DeleteForeignDevice => device::delete_device(block(512).cast()),
        _ => {
            irql_routines::raise(irql::APC_LEVEL);
            let string = UNICODE_STRING::default();
            namespace::create_symbolic_link(&raw const string, &raw const string);
        }
    }
}
