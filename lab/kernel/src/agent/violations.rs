//! Breaking the lab's own rules on purpose, to show that they are checked.

#![expect(unsafe_code, reason = "a routine is called by address")]

mod contiguous;
mod dispatcher_objects;
mod dpcs;
mod faults;
mod levels;
mod names;
mod objects;
mod pool;
mod requests;
mod security;

use lab_wire::Violation;

use crate::base::address;
use crate::nt::{exports, irql_routines};

/// Breaks one rule. Returns only if that was not noticed.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn violate(kind: Violation) {
    match kind {
        Violation::WaitAtDispatch
        | Violation::WaitOnGarbage
        | Violation::WaitWithInterruptsOff
        | Violation::WaitForever
        | Violation::SetEventAboveDispatch
        | Violation::SetNullEvent
        | Violation::EventInPagedPool
        | Violation::ReleaseForeignMutex
        | Violation::FreeHeldMutex => dispatcher_objects::violate(kind),
        Violation::QueueUninitializedDpc
        | Violation::InitializeQueuedDpc
        | Violation::UnknownImportance
        | Violation::FlushDpcsAtDispatch
        | Violation::DpcReturnsAtOtherIrql
        | Violation::DpcReturnsWithInterruptsOff
        | Violation::FreeQueuedDpc => dpcs::violate(kind),
        Violation::AllocateAboveDispatch
        | Violation::AllocatePagedAtDispatch
        | Violation::AllocateNothing
        | Violation::AllocateWithoutTag
        | Violation::AllocateTwoPools
        | Violation::AllocateExecutable => pool::violate_allocation(kind),
        Violation::FreeTwice
        | Violation::FreeMiddle
        | Violation::FreeWithOtherTag
        | Violation::FreeAboveDispatch
        | Violation::WriteBehindPool
        | Violation::WriteBeforePool
        | Violation::ReadPastPool
        | Violation::ReadBeforePool
        | Violation::ReadFreedPool
        | Violation::ReadFreedPoolElsewhere
        | Violation::ExecutePool => pool::violate_block(kind),
        Violation::ContiguousWithoutProtection
        | Violation::ContiguousOfNoNode
        | Violation::ContiguousExecutable
        | Violation::FreeContiguousPool
        | Violation::WriteBehindContiguous
        | Violation::PhysicalOfUnmapped => contiguous::violate(kind),
        Violation::RaiseIrqlDown | Violation::LowerIrqlUp => levels::violate(kind),
        Violation::CompleteTwice
        | Violation::CompletePending
        | Violation::CompleteTooMuch
        | Violation::ReturnOtherStatus
        | Violation::ReturnWithoutCompletion
        | Violation::ReturnPendingUnmarked
        | Violation::DispatchReturnsAtOtherIrql
        | Violation::DispatchReturnsWithInterruptsOff
        | Violation::DispatchReturnsWithMutex
        | Violation::ReadCompletedIrp => requests::violate(kind),
        Violation::CreateDeviceAtDispatch
        | Violation::DeleteForeignDevice
        | Violation::CreateLinkAtApc => {
            names::violate(kind);
        }
        Violation::CreateAclMisaligned
        | Violation::CreateDescriptorAtDispatch
        | Violation::CheckUnknownPrivilege
        | Violation::OpenForProcess
        | Violation::OpenForeignObject
        | Violation::SetSecurityWithoutAccess
        | Violation::CloseUnknownHandle => security::violate(kind),
        Violation::BugCheck
        | Violation::WriteReadOnly
        | Violation::InvalidOpcode
        | Violation::StackOverflow
        | Violation::Panic => faults::violate(kind),
    }
}

/// A routine whose arguments don't matter, because it is not to look at them.
type AnyRoutine = extern "win64" fn(usize, usize, usize, usize, usize, usize, usize);

/// Calls an exported routine with zeros at an IRQL. Returns if there is none of that name,
/// or if it did not check.
pub(super) fn call_at(routine: &str, irql: u8) {
    let Some(address) = exports::resolve(routine) else {
        return;
    };
    let routine = address::pointer::<()>(address);
    // SAFETY: a routine that checks its IRQL first looks at no argument, and the stack
    // has room for more than it takes.
    let routine = unsafe { core::mem::transmute::<*mut (), AnyRoutine>(routine) };
    irql_routines::raise(irql);
    routine(0, 0, 0, 0, 0, 0, 0);
}
