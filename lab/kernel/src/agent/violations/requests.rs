//! A dispatch routine that breaks the rule that it is asked to break.

#![expect(unsafe_code, reason = "a driver gets its structures as raw pointers")]

use core::sync::atomic::{AtomicU32, Ordering};

use lab_wire::{Access, Token, Violation};
use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, IRP};
use x86_64::instructions::interrupts;

use super::objects::{mutex, wait};
use crate::agent::test_driver::{self, complete};
use crate::nt::io::{file, irp};
use crate::nt::{irql, irql_routines, status};

/// `METHOD_BUFFERED`, `FILE_ANY_ACCESS`.
const CONTROL_CODE: u32 = 0x0022_2000;
const OUTPUT_LENGTH: u32 = 8;

/// Which rule to break, as its position among the variants.
static WHICH: AtomicU32 = AtomicU32::new(0);

/// Sends the routine a request.
pub(super) fn violate(kind: Violation) {
    let position = Violation::all().iter().position(|&known| known == kind);
    let position = position.and_then(|position| u32::try_from(position).ok());
    WHICH.store(position.expect("a variant"), Ordering::Relaxed);
    test_driver::install(test_driver::succeed, dispatch);
    let handle = file::open(test_driver::PATH, Access::ATTRIBUTES, Token::Administrator)
        .expect("the device is there");
    file::control(handle, CONTROL_CODE, &[], OUTPUT_LENGTH);
}

unsafe extern "win64" fn dispatch(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> u32 {
    let which = Violation::all()[WHICH.load(Ordering::Relaxed) as usize];
    match which {
        Violation::CompleteTwice => {
            complete(irp, status::SUCCESS, 0);
            irp::complete_request(irp, 0);
            status::SUCCESS
        }
        Violation::CompletePending => complete(irp, status::PENDING, 0),
        Violation::CompleteTooMuch => complete(irp, status::SUCCESS, OUTPUT_LENGTH as usize + 1),
        Violation::ReturnOtherStatus => {
            complete(irp, status::SUCCESS, 0);
            status::INVALID_PARAMETER
        }
        Violation::ReturnWithoutCompletion => status::SUCCESS,
        Violation::ReturnPendingUnmarked => status::PENDING,
        Violation::DispatchReturnsAtOtherIrql => {
            irql_routines::raise(irql::APC_LEVEL);
            complete(irp, status::SUCCESS, 0)
        }
        Violation::DispatchReturnsWithMutex => {
            wait(mutex().cast());
            complete(irp, status::SUCCESS, 0)
        }
        Violation::DispatchReturnsWithInterruptsOff => {
            interrupts::disable();
            complete(irp, status::SUCCESS, 0)
        }
        _ => {
            complete(irp, status::SUCCESS, 0);
            // SAFETY: the read faults, which is the point.
            let irp = unsafe { irp.cast::<u64>().read_volatile() };
            u32::try_from(irp).unwrap_or(status::SUCCESS)
        }
    }
}
