//! Routines of the kernel: their parameters and results.
//!
//! Not compared: `KeLowerIrql`, `KeRaiseIrqlToDpcLevel` and `__C_specific_handler`, which the
//! metadata doesn't have, and `DbgPrint` and `KeBugCheckEx`, which take any number of arguments
//! and never return.

use windows_sys::Wdk::Storage::FileSystem as file_system;
use windows_sys::Wdk::System::SystemServices as services;
use windows_sys::Win32::System::WindowsProgramming as programming;

use crate::passing::Signature;
use crate::same;

/// One underscore for each parameter: the compiler fills both sides in.
macro_rules! routines {
    ($theirs:ident: $($name:ident($($parameter:tt),*);)+) => {
        $(same!(
            Signature::of(
                wdk_sys::ntddk::$name as unsafe extern "C" fn($($parameter),*) -> _
            ).is(&Signature::of(
                $theirs::$name as unsafe extern "system" fn($($parameter),*) -> _
            )),
            true,
            concat!(stringify!($name), " is declared otherwise")
        );)+
    };
}

routines! { services:
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
}

routines! { file_system:
    ObOpenObjectByPointer(_, _, _, _, _, _, _);
    RtlAddAccessAllowedAce(_, _, _, _);
    RtlCreateAcl(_, _, _);
    RtlInitializeSid(_, _, _);
    RtlLengthSid(_);
    RtlSubAuthoritySid(_, _);
    SePrivilegeCheck(_, _, _);
    ZwSetSecurityObject(_, _, _);
}

routines! { programming:
    RtlInitUnicodeString(_, _);
}
