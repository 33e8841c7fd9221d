//! Rules of the lab's routines to be broken on purpose.

use serde::{Deserialize, Serialize};

/// A deliberate violation of one rule, named after what is done.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, strum::VariantArray)]
pub enum Violation {
    /// `KeWaitForSingleObject` with no time-out at `DISPATCH_LEVEL`.
    WaitAtDispatch,
    /// `KeWaitForSingleObject` on memory that holds no dispatcher object.
    WaitOnGarbage,
    /// `KeWaitForSingleObject` that has to wait while interrupts are disabled.
    WaitWithInterruptsOff,
    /// `KeWaitForSingleObject` on an event that is never going to be set.
    WaitForever,
    /// `KeSetEvent` above `DISPATCH_LEVEL`.
    SetEventAboveDispatch,
    /// `KeSetEvent` through a null pointer.
    SetNullEvent,
    /// `KeInitializeEvent` in paged pool.
    EventInPagedPool,
    /// `KeReleaseMutex` by a thread that doesn't own it.
    ReleaseForeignMutex,
    /// `KeInsertQueueDpc` for a DPC that was never initialised.
    QueueUninitializedDpc,
    /// `KeInitializeDpc` for a DPC that is queued.
    InitializeQueuedDpc,
    /// `KeSetImportanceDpc` with an importance that doesn't exist.
    UnknownImportance,
    /// `KeFlushQueuedDpcs` at `DISPATCH_LEVEL`.
    FlushDpcsAtDispatch,
    /// A DPC routine that returns at another IRQL.
    DpcReturnsAtOtherIrql,
    /// A DPC routine that returns with interrupts disabled.
    DpcReturnsWithInterruptsOff,
    /// `ExFreePoolWithTag` while the block holds a queued DPC.
    FreeQueuedDpc,
    /// `ExAllocatePool2` above `DISPATCH_LEVEL`.
    AllocateAboveDispatch,
    /// `ExAllocatePool2` of paged pool at `DISPATCH_LEVEL`.
    AllocatePagedAtDispatch,
    /// `ExAllocatePool2` of no bytes.
    AllocateNothing,
    /// `ExAllocatePool2` with a tag of zero.
    AllocateWithoutTag,
    /// `ExAllocatePool2` with flags that contradict each other.
    AllocateTwoPools,
    /// `ExAllocatePool2` of executable pool.
    AllocateExecutable,
    /// `ExFreePool` twice for one block.
    FreeTwice,
    /// `ExFreePool` of an address inside a block.
    FreeMiddle,
    /// `ExFreePoolWithTag` with another tag.
    FreeWithOtherTag,
    /// `ExFreePoolWithTag` above `DISPATCH_LEVEL`.
    FreeAboveDispatch,
    /// Bytes written behind a pool block, inside its page.
    WriteBehindPool,
    /// Bytes written in front of a pool block, inside its page.
    WriteBeforePool,
    /// A read past the page of a pool block.
    ReadPastPool,
    /// A read in front of the page of a pool block.
    ReadBeforePool,
    /// A read of pool that was freed.
    ReadFreedPool,
    /// A read of pool that was freed, on a processor that had it in its
    /// translation cache.
    ReadFreedPoolElsewhere,
    /// A jump into pool.
    ExecutePool,
    /// `MmAllocateContiguousNodeMemory` with no protection that the page knows.
    ContiguousWithoutProtection,
    /// `MmAllocateContiguousNodeMemory` of a node that the machine doesn't have.
    ContiguousOfNoNode,
    /// `MmAllocateContiguousNodeMemory` of executable memory.
    ContiguousExecutable,
    /// `MmFreeContiguousMemory` of a pool block.
    FreeContiguousPool,
    /// Bytes written behind a contiguous block, inside its page.
    WriteBehindContiguous,
    /// `MmGetPhysicalAddress` of an address that maps nothing.
    PhysicalOfUnmapped,
    /// `KfRaiseIrql` to a lower level.
    RaiseIrqlDown,
    /// `KeLowerIrql` to a higher level.
    LowerIrqlUp,
    /// `IofCompleteRequest` twice for one IRP.
    CompleteTwice,
    /// `IofCompleteRequest` with `STATUS_PENDING` in the IRP.
    CompletePending,
    /// `IofCompleteRequest` with more information than the output buffer holds.
    CompleteTooMuch,
    /// A dispatch routine that returns another status than it completed with.
    ReturnOtherStatus,
    /// A dispatch routine that returns without completing its IRP.
    ReturnWithoutCompletion,
    /// A dispatch routine that returns `STATUS_PENDING` for an unmarked IRP.
    ReturnPendingUnmarked,
    /// A dispatch routine that returns at another IRQL.
    DispatchReturnsAtOtherIrql,
    /// A dispatch routine that returns with interrupts disabled.
    DispatchReturnsWithInterruptsOff,
    /// A dispatch routine that returns while its thread owns a mutex.
    DispatchReturnsWithMutex,
    /// `ExFreePoolWithTag` while the block holds a mutex that a thread owns.
    FreeHeldMutex,
    /// A dispatch routine that reads an IRP after completing it.
    ReadCompletedIrp,
    /// `IoCreateDevice` above `APC_LEVEL`.
    CreateDeviceAtDispatch,
    /// `IoDeleteDevice` of what is not a device object.
    DeleteForeignDevice,
    /// `IoCreateSymbolicLink` above `PASSIVE_LEVEL`.
    CreateLinkAtApc,
    /// `RtlCreateAcl` in memory that is not aligned.
    CreateAclMisaligned,
    /// `RtlCreateSecurityDescriptor` at `DISPATCH_LEVEL`.
    CreateDescriptorAtDispatch,
    /// `SeSinglePrivilegeCheck` of a privilege that doesn't exist.
    CheckUnknownPrivilege,
    /// `ObOpenObjectByPointer` for a handle that a process could use.
    OpenForProcess,
    /// `ObOpenObjectByPointer` of what is no object.
    OpenForeignObject,
    /// `ZwSetSecurityObject` with a handle that was not opened for it.
    SetSecurityWithoutAccess,
    /// `ZwClose` of a handle that is not open.
    CloseUnknownHandle,
    /// `KeBugCheckEx`.
    BugCheck,
    /// A write to the lab kernel's own read-only memory.
    WriteReadOnly,
    /// A processor exception that has no handler.
    InvalidOpcode,
    /// A kernel stack that overflows.
    StackOverflow,
    /// A panic of the lab kernel.
    Panic,
}

impl Violation {
    /// Every variant.
    #[must_use]
    pub fn all() -> &'static [Self] {
        <Self as strum::VariantArray>::VARIANTS
    }
}
