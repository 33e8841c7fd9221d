//! Breaking the lab's own rules on purpose, to show that they are live.

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

use lab_wire::Misuse;

use crate::base::address;
use crate::nt::{exports, irql_routines};

/// Breaks one rule. Returns only if that was not noticed.
pub fn violate(kind: Misuse) {
    match kind {
        Misuse::WaitAtDispatch
        | Misuse::WaitOnGarbage
        | Misuse::WaitWithInterruptsOff
        | Misuse::WaitForever
        | Misuse::SetEventAboveDispatch
        | Misuse::SetNullEvent
        | Misuse::EventInPagedPool
        | Misuse::ReleaseForeignMutex
        | Misuse::FreeHeldMutex => dispatcher_objects::violate(kind),
        Misuse::QueueUninitializedDpc
        | Misuse::InitializeQueuedDpc
        | Misuse::UnknownImportance
        | Misuse::FlushDpcsAtDispatch
        | Misuse::DpcReturnsAtOtherIrql
        | Misuse::DpcReturnsWithInterruptsOff
        | Misuse::FreeQueuedDpc => dpcs::violate(kind),
        Misuse::AllocateAboveDispatch
        | Misuse::AllocatePagedAtDispatch
        | Misuse::AllocateNothing
        | Misuse::AllocateWithoutTag
        | Misuse::AllocateTwoPools
        | Misuse::AllocateExecutable => pool::violate_allocation(kind),
        Misuse::FreeTwice
        | Misuse::FreeMiddle
        | Misuse::FreeWithOtherTag
        | Misuse::FreeAboveDispatch
        | Misuse::WriteBehindPool
        | Misuse::WriteBeforePool
        | Misuse::ReadPastPool
        | Misuse::ReadBeforePool
        | Misuse::ReadFreedPool
        | Misuse::ReadFreedPoolElsewhere
        | Misuse::ExecutePool => pool::violate_block(kind),
        Misuse::ContiguousWithoutProtection
        | Misuse::ContiguousOfNoNode
        | Misuse::ContiguousExecutable
        | Misuse::FreeContiguousPool
        | Misuse::WriteBehindContiguous
        | Misuse::PhysicalOfUnmapped => contiguous::violate(kind),
        Misuse::RaiseIrqlDown | Misuse::LowerIrqlUp => levels::violate(kind),
        Misuse::CompleteTwice
        | Misuse::CompletePending
        | Misuse::CompleteTooMuch
        | Misuse::ReturnOtherStatus
        | Misuse::ReturnWithoutCompletion
        | Misuse::ReturnPendingUnmarked
        | Misuse::DispatchReturnsAtOtherIrql
        | Misuse::DispatchReturnsWithInterruptsOff
        | Misuse::DispatchReturnsWithMutex
        | Misuse::ReadCompletedIrp => requests::violate(kind),
        Misuse::CreateDeviceAtDispatch | Misuse::DeleteForeignDevice | Misuse::CreateLinkAtApc => {
            names::violate(kind);
        }
        Misuse::CreateAclMisaligned
        | Misuse::CreateDescriptorAtDispatch
        | Misuse::CheckUnknownPrivilege
        | Misuse::OpenForProcess
        | Misuse::OpenForeignObject
        | Misuse::SetSecurityWithoutAccess
        | Misuse::CloseUnknownHandle => security::violate(kind),
        Misuse::BugCheck
        | Misuse::WriteReadOnly
        | Misuse::InvalidOpcode
        | Misuse::StackOverflow
        | Misuse::Panic => faults::violate(kind),
    }
}

/// A routine whose arguments don't matter, because it is not to look at them.
type AnyRoutine = extern "win64" fn(usize, usize, usize, usize, usize, usize, usize);

/// Calls an exported routine with zeros at an IRQL. Returns if there is none of that name,
/// or if it did not check.
pub fn call_at(routine: &str, irql: u8) {
    let Some(address) = exports::resolve(routine) else {
        return;
    };
    let routine = address::pointer::<()>(address);
    // SAFETY: A routine that checks its IRQL first looks at no argument, and the stack
    // has room for more than it takes.
    let routine = unsafe { core::mem::transmute::<*mut (), AnyRoutine>(routine) };
    irql_routines::raise(irql);
    routine(0, 0, 0, 0, 0, 0, 0);
}
