//! What is lent, and nothing beside it.
//!
//! Memory comes in whole pages from the system, so that it is aligned as Windows aligns it. A DPC
//! runs at once, on the thread that queues it: that it runs says nothing of DPCs.

#![expect(
    unsafe_code,
    reason = "routines that are called in place of the kernel's"
)]

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use wdk_sys::ntddk::{KeQueryActiveProcessorCountEx, ZwAllocateVirtualMemory, ZwFreeVirtualMemory};
use wdk_sys::{
    _LOGICAL_PROCESSOR_RELATIONSHIP, HANDLE, KDPC, LOGICAL_PROCESSOR_RELATIONSHIP, MEM_COMMIT,
    MEM_RELEASE, MEM_RESERVE, NT_SUCCESS, NTSTATUS, PAGE_READWRITE, PKDEFERRED_ROUTINE,
    PROCESSOR_NUMBER, PVOID, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
};

use crate::registry::keep;

/// `ZwCurrentProcess()`, a macro of the WDK.
pub(crate) const THIS_PROCESS: HANDLE = ptr::without_provenance_mut(usize::MAX);

/// A routine: its name, and where it is.
type Lent = (&'static [u8], fn() -> usize);

/// Wine 8.0 has not the first four, and of them Wine 10.0 has the first; lent it is there, too, so
/// that memory is counted. Both have the others, but run no DPC, return no status where one is
/// expected (`KeSetTargetProcessorDpcEx` leaves what was in EAX), and free only what they allocated.
pub(crate) static LENT: [Lent; 9] = [
    (b"ExAllocatePool2", || allocate_pool as *const () as usize),
    (b"KeGetProcessorNumberFromIndex", || {
        processor_number as *const () as usize
    }),
    (b"KeQueryLogicalProcessorRelationship", || {
        node as *const () as usize
    }),
    (b"MmAllocateContiguousNodeMemory", || {
        allocate_contiguous as *const () as usize
    }),
    (b"ExFreePool", || free as *const () as usize),
    (b"MmFreeContiguousMemory", || free as *const () as usize),
    (b"KeInitializeDpc", || initialize_dpc as *const () as usize),
    (b"KeSetTargetProcessorDpcEx", || {
        target_dpc as *const () as usize
    }),
    (b"KeInsertQueueDpc", || run_dpc as *const () as usize),
];

extern "system" fn allocate_pool(_flags: u64, length: usize, _tag: u32) -> PVOID {
    allocate(length)
}

extern "system" fn allocate_contiguous(
    length: usize,
    _lowest: i64,
    _highest: i64,
    _boundary: i64,
    _protection: u32,
    _node: u32,
) -> PVOID {
    allocate(length)
}

/// Allocations that have not been freed.
static OUTSTANDING: AtomicU32 = AtomicU32::new(0);

fn allocate(length: usize) -> PVOID {
    let mut address = ptr::null_mut();
    let mut length = length as u64;
    // SAFETY: new memory of this process, wherever there is room.
    let status = unsafe {
        ZwAllocateVirtualMemory(
            THIS_PROCESS,
            &raw mut address,
            0,
            &raw mut length,
            MEM_COMMIT | MEM_RESERVE,
            PAGE_READWRITE,
        )
    };
    if !NT_SUCCESS(status) {
        return ptr::null_mut();
    }
    keep(
        "outstanding",
        OUTSTANDING.fetch_add(1, Ordering::Relaxed) + 1,
    );
    address
}

extern "system" fn free(mut address: PVOID) {
    let mut length = 0;
    // SAFETY: the borrower frees what `allocate` gave it.
    let status = unsafe {
        ZwFreeVirtualMemory(THIS_PROCESS, &raw mut address, &raw mut length, MEM_RELEASE)
    };
    assert!(NT_SUCCESS(status), "freed what was not allocated");
    keep(
        "outstanding",
        OUTSTANDING.fetch_sub(1, Ordering::Relaxed) - 1,
    );
}

/// One group, as Wine has it.
extern "system" fn processor_number(index: u32, number: *mut PROCESSOR_NUMBER) -> NTSTATUS {
    // SAFETY: a query without an effect.
    let count = unsafe { KeQueryActiveProcessorCountEx(0) };
    // SAFETY: the borrower passes a structure of its own.
    let number = unsafe { number.as_mut() };
    match (number, u8::try_from(index)) {
        (Some(number), Ok(in_group)) if index < count => {
            number.Group = 0;
            number.Number = in_group;
            STATUS_SUCCESS
        }
        _ => STATUS_INVALID_PARAMETER,
    }
}

/// One node, and no other relationship.
extern "system" fn node(
    _processor: *mut PROCESSOR_NUMBER,
    relationship: LOGICAL_PROCESSOR_RELATIONSHIP,
    information: *mut SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
    _length: *mut u32,
) -> NTSTATUS {
    if relationship != _LOGICAL_PROCESSOR_RELATIONSHIP::RelationNumaNode {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the borrower passes a structure of its own; zeros are the first node.
    unsafe { information.write_bytes(0, 1) };
    STATUS_SUCCESS
}

extern "system" fn initialize_dpc(dpc: *mut KDPC, routine: PKDEFERRED_ROUTINE, context: PVOID) {
    // SAFETY: the borrower passes memory of its own.
    if let Some(dpc) = unsafe { dpc.as_mut() } {
        dpc.DeferredRoutine = routine;
        dpc.DeferredContext = context;
    }
}

/// Every DPC runs where it is queued.
extern "system" fn target_dpc(_dpc: *mut KDPC, _number: *mut PROCESSOR_NUMBER) -> NTSTATUS {
    STATUS_SUCCESS
}

extern "system" fn run_dpc(dpc: *mut KDPC, first: PVOID, second: PVOID) -> u8 {
    // SAFETY: initialised by the borrower.
    let routine = unsafe { (*dpc).DeferredRoutine };
    // SAFETY: likewise.
    let context = unsafe { (*dpc).DeferredContext };
    let Some(routine) = routine else {
        return 0;
    };
    // SAFETY: this is what the borrower initialised the DPC for.
    unsafe { routine(dpc, context, first, second) };
    1
}
