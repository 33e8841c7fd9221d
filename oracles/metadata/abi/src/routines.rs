//! Routines of the kernel: their parameters and results.
//!
//! A routine that the metadata lacks has no row: the judge names who vouches for it.

use windows_sys::Wdk::Storage::FileSystem as file_system;
use windows_sys::Wdk::System::SystemServices as services;

use crate::fact::{Fact, Kind};
use crate::passing::Signature;

/// One underscore for each parameter: the compiler fills both sides in.
macro_rules! routines {
    ($theirs:ident: $($name:ident($($parameter:tt),*);)+) => {
        &[$(Fact::new(
            Kind::Signature,
            stringify!($name),
            Signature::of(
                wdk_sys::ntddk::$name as unsafe extern "C" fn($($parameter),*) -> _
            ).code(),
            Signature::of(
                $theirs::$name as unsafe extern "system" fn($($parameter),*) -> _
            ).code(),
        )),+]
    };
}

/// Of wdm.h and ntddk.h, for the most part.
pub(crate) const SERVICES: &[Fact] = routines! { services:
    ExAllocatePool2(_, _, _);
    ExFreePool(_);
    ExFreePoolWithTag(_, _);
    IoCreateDevice(_, _, _, _, _, _, _);
    IoCreateSymbolicLink(_, _);
    IoDeleteDevice(_);
    IoDeleteSymbolicLink(_);
    IoGetCurrentProcess();
    IofCompleteRequest(_, _);
    KeClearEvent(_);
    KeDeregisterProcessorChangeCallback(_);
    KeFlushQueuedDpcs();
    KeGetCurrentIrql();
    KeGetCurrentProcessorNumberEx(_);
    KeGetProcessorIndexFromNumber(_);
    KeGetProcessorNumberFromIndex(_, _);
    KeInitializeDpc(_, _, _);
    KeInitializeEvent(_, _, _);
    KeInitializeMutex(_, _);
    KeInsertQueueDpc(_, _, _);
    KeQueryActiveProcessorCountEx(_);
    KeQueryLogicalProcessorRelationship(_, _, _, _);
    KeQueryMaximumProcessorCountEx(_);
    KeRegisterProcessorChangeCallback(_, _, _);
    KeReleaseMutex(_, _);
    KeSetEvent(_, _, _);
    KeSetImportanceDpc(_, _);
    KeSetTargetProcessorDpcEx(_, _);
    KeWaitForSingleObject(_, _, _, _, _);
    KfRaiseIrql(_);
    MmAllocateContiguousNodeMemory(_, _, _, _, _, _);
    MmFreeContiguousMemory(_);
    MmGetPhysicalAddress(_);
    MmMapLockedPagesSpecifyCache(_, _, _, _, _, _);
    RtlCreateSecurityDescriptor(_, _);
    RtlSetDaclSecurityDescriptor(_, _, _, _);
    SeCaptureSubjectContext(_);
    SeReleaseSubjectContext(_);
    SeSinglePrivilegeCheck(_, _);
    ZwClose(_);
};

/// Of ntifs.h.
pub(crate) const FILE_SYSTEM: &[Fact] = routines! { file_system:
    ObOpenObjectByPointer(_, _, _, _, _, _, _);
    RtlAddAccessAllowedAce(_, _, _, _);
    RtlCreateAcl(_, _, _);
    RtlInitializeSid(_, _, _);
    RtlLengthSid(_);
    RtlSubAuthoritySid(_, _);
    SePrivilegeCheck(_, _, _);
    ZwSetSecurityObject(_, _, _);
};
