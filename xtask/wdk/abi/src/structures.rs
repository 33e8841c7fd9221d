//! Structures that the driver shares with the kernel: sizes, and where their fields are.

use core::mem::offset_of;

use windows_sys::Wdk::Foundation as foundation;
use windows_sys::Wdk::Storage::FileSystem as file_system;
use windows_sys::Wdk::System::SystemServices as services;
use windows_sys::Win32::Foundation as win32;
use windows_sys::Win32::Security as security;
use windows_sys::Win32::System::IO as io;
use windows_sys::Win32::System::Kernel as kernel;
use windows_sys::Win32::System::SystemInformation as information;

use crate::same;

/// The metadata has no alignment beyond that of the fields. Where ours has, as Microsoft's
/// headers do, the size is theirs rounded up to it.
macro_rules! structures {
    ($($module:ident::$name:ident { $($($field:ident).+),* $(,)? })+) => {
        $(
            same!(
                size_of::<wdk_sys::$name>(),
                size_of::<$module::$name>().next_multiple_of(align_of::<wdk_sys::$name>()),
                concat!(stringify!($name), " has another size")
            );
            $(places! { $module::$name { $($field).+ = $($field).+ } })*
        )+
    };
}

/// For fields that have no name in C, and another in either crate.
macro_rules! places {
    ($module:ident::$name:ident { $($($ours:ident).+ = $($theirs:ident).+),+ $(,)? }) => {
        $(same!(
            offset_of!(wdk_sys::$name, $($ours).+),
            offset_of!($module::$name, $($theirs).+),
            concat!(stringify!($name), ".", stringify!($($ours).+), " is elsewhere")
        );)+
    };
}

structures! {
    foundation::DRIVER_OBJECT {
        Type, Size, DeviceObject, Flags, DriverStart, DriverSize, DriverSection, DriverExtension,
        DriverName, HardwareDatabase, FastIoDispatch, DriverInit, DriverStartIo, DriverUnload,
        MajorFunction,
    }
    foundation::DRIVER_EXTENSION { DriverObject, AddDevice, Count, ServiceKeyName }
    foundation::DEVICE_OBJECT {
        Type, Size, ReferenceCount, DriverObject, NextDevice, AttachedDevice, CurrentIrp, Timer,
        Flags, Characteristics, Vpb, DeviceExtension, DeviceType, StackSize, Queue,
        AlignmentRequirement, DeviceQueue, Dpc, ActiveThreadCount, SecurityDescriptor, DeviceLock,
        SectorSize, DeviceObjectExtension, Reserved,
    }
    foundation::FILE_OBJECT {
        Type, Size, DeviceObject, Vpb, FsContext, FsContext2, RelatedFileObject, FileName, Flags,
    }
    foundation::IRP {
        Type, Size, MdlAddress, Flags, AssociatedIrp.SystemBuffer, ThreadListEntry, IoStatus,
        RequestorMode, PendingReturned, StackCount, CurrentLocation, Cancel, CancelIrql,
        ApcEnvironment, AllocationFlags, UserEvent, Overlay, CancelRoutine, UserBuffer, Tail,
        Tail.Overlay.Thread, Tail.Overlay.OriginalFileObject,
    }
    foundation::IO_STACK_LOCATION {
        MajorFunction, MinorFunction, Flags, Control, Parameters, DeviceObject, FileObject,
        CompletionRoutine, Context,
        Parameters.Create.SecurityContext, Parameters.Create.Options,
        Parameters.DeviceIoControl.OutputBufferLength,
    }
    foundation::IO_SECURITY_CONTEXT { SecurityQos, AccessState, DesiredAccess, FullCreateOptions }
    foundation::ACCESS_STATE {
        RemainingDesiredAccess, PreviouslyGrantedAccess, OriginalDesiredAccess,
        SubjectSecurityContext,
    }
    foundation::SECURITY_SUBJECT_CONTEXT {
        ClientToken, ImpersonationLevel, PrimaryToken, ProcessAuditId,
    }
    foundation::MDL {
        Next, Size, MdlFlags, Process, MappedSystemVa, StartVa, ByteCount, ByteOffset,
    }
    foundation::OBJECT_ATTRIBUTES {
        Length, RootDirectory, ObjectName, Attributes, SecurityDescriptor,
        SecurityQualityOfService,
    }
    foundation::DISPATCHER_HEADER { WaitListHead }
    foundation::KDPC { DeferredRoutine, DeferredContext, SystemArgument1, SystemArgument2, DpcData }
    foundation::KEVENT { Header }
    foundation::KMUTANT { Header, MutantListEntry, OwnerThread, ApcDisable }
    services::KE_PROCESSOR_CHANGE_NOTIFY_CONTEXT { State, NtNumber, Status, ProcNumber }
    io::IO_STATUS_BLOCK { Information }
    kernel::LIST_ENTRY { Flink, Blink }
    kernel::PROCESSOR_NUMBER { Group, Number, Reserved }
    information::GROUP_AFFINITY { Mask, Group, Reserved }
    security::ACL { AclRevision, AclSize, AceCount }
    security::PRIVILEGE_SET { PrivilegeCount, Control, Privilege }
    security::SECURITY_DESCRIPTOR { Revision, Control, Owner, Group, Sacl, Dacl }
    security::SID { Revision, SubAuthorityCount, IdentifierAuthority, SubAuthority }
    win32::LUID { LowPart, HighPart }
    win32::UNICODE_STRING { Length, MaximumLength, Buffer }
}

places! { foundation::IRP {
    Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation =
        Tail.Overlay.Anonymous2.Anonymous.CurrentStackLocation,
} }

// It has grown at its end with every version of Windows.
places! { file_system::SE_EXPORTS {
    SeDebugPrivilege = SeDebugPrivilege,
    SeLocalSystemSid = SeLocalSystemSid,
    SeAliasAdminsSid = SeAliasAdminsSid,
} }

places! { io::IO_STATUS_BLOCK { __bindgen_anon_1.Status = Anonymous.Status } }

/// The metadata has lost `POINTER_ALIGNMENT`, with which Microsoft's wdm.h declares these; the places
/// are those that its debugging symbols give.
macro_rules! documented_places {
    ($name:ident { $($($field:ident).+ = $place:literal),+ $(,)? }) => {
        $(same!(
            offset_of!(wdk_sys::$name, $($field).+),
            $place,
            concat!(stringify!($name), ".", stringify!($($field).+), " is elsewhere")
        );)+
    };
}

documented_places! { IO_STACK_LOCATION {
    Parameters.Create.FileAttributes = 0x18,
    Parameters.Create.ShareAccess = 0x1a,
    Parameters.Create.EaLength = 0x20,
    Parameters.DeviceIoControl.InputBufferLength = 0x10,
    Parameters.DeviceIoControl.IoControlCode = 0x18,
    Parameters.DeviceIoControl.Type3InputBuffer = 0x20,
} }

same!(
    size_of::<wdk_sys::DEVICE_OBJECT>(),
    336,
    "DEVICE_OBJECT has another size"
);
same!(size_of::<wdk_sys::IRP>(), 208, "IRP has another size");
