//! The status that the kernel's routines return, as Rust's code wants to have it.

use wdk_sys::NTSTATUS;

/// Nothing for a success, and the status itself for anything else.
pub(crate) fn check(status: NTSTATUS) -> Result<(), NTSTATUS> {
    if wdk::nt_success(status) {
        Ok(())
    } else {
        Err(status)
    }
}
