//! Structures that the driver shares with the kernel: sizes, and where their fields are and how
//! wide.

#![expect(
    unsafe_code,
    reason = "a field's width is that of what its address points to"
)]

use core::ffi::c_void;
use core::mem::{MaybeUninit, offset_of};

use windows_sys::Wdk::Foundation as foundation;
use windows_sys::Wdk::Storage::FileSystem as file_system;
use windows_sys::Wdk::System::SystemServices as services;
use windows_sys::Win32::Foundation as win32;
use windows_sys::Win32::Security as security;
use windows_sys::Win32::System::IO as io;
use windows_sys::Win32::System::Kernel as kernel;
use windows_sys::Win32::System::SystemInformation as information;

use crate::fact::{Fact, Kind};

/// The size of what a pointer points to, which need not exist.
const fn width<T>(_: *const T) -> usize {
    size_of::<T>()
}

/// Offset and width of a field, through unions too.
macro_rules! field {
    ($structure:ty, $($field:ident).+) => {{
        let value = MaybeUninit::<$structure>::uninit();
        let value = value.as_ptr();
        // SAFETY: the address is that of a field of `value`; nothing is read.
        let field = unsafe { &raw const (*value).$($field).+ };
        (offset_of!($structure, $($field).+) as i64, width(field) as i64)
    }};
}

/// The facts of a field, one side for each in the form of `field!`.
macro_rules! place {
    ($kind:ident, $place:tt, $name:expr, $ours:expr, $theirs:expr) => {
        Fact::new(Kind::$kind, $name, $ours.$place, $theirs.$place)
    };
}

/// The metadata has no alignment beyond that of the fields. Where ours has, as Microsoft's
/// headers do, the size is theirs rounded up to it.
macro_rules! structures {
    ($($module:ident::$name:ident { $($($field:ident).+),* $(,)? })+) => {
        &[$(
            Fact::new(
                Kind::Size,
                stringify!($name),
                size_of::<wdk_sys::$name>() as i64,
                size_of::<$module::$name>().next_multiple_of(align_of::<wdk_sys::$name>()) as i64,
            ),
            $(
                place!(Offset, 0, field_name!($name $($field)+),
                    field!(wdk_sys::$name, $($field).+), field!($module::$name, $($field).+)),
                place!(Width, 1, field_name!($name $($field)+),
                    field!(wdk_sys::$name, $($field).+), field!($module::$name, $($field).+)),
            )*
        )+]
    };
}

macro_rules! field_name {
    ($name:ident $($field:ident)+) => {
        concat!(stringify!($name) $(, ".", stringify!($field))+)
    };
}

/// For fields whose path has no name in C, and another in either crate.
macro_rules! unnamed {
    ($($module:ident::$name:ident { $($ours:ident).+ = $($theirs:ident).+ })+) => {
        &[$(
            place!(Offset, 0, field_name!($name $($ours)+),
                field!(wdk_sys::$name, $($ours).+), field!($module::$name, $($theirs).+)),
            place!(Width, 1, field_name!($name $($ours)+),
                field!(wdk_sys::$name, $($ours).+), field!($module::$name, $($theirs).+)),
        )+]
    };
}

/// For what the metadata lacks or has otherwise: the number itself, and the page that has it.
macro_rules! documented {
    ($voucher:literal: $($kind:ident $name:ident $(.$field:ident)* = $value:literal),+ $(,)?) => {
        &[$(Fact::documented(
            Kind::$kind,
            concat!(stringify!($name) $(, ".", stringify!($field))*),
            documented_number!($kind $name $($field)*),
            $value,
            $voucher,
        )),+]
    };
}

macro_rules! documented_number {
    (Size $name:ident) => { size_of::<wdk_sys::$name>() as i64 };
    (Offset $name:ident $($field:ident)+) => { field!(wdk_sys::$name, $($field).+).0 };
    (Width $name:ident $($field:ident)+) => { field!(wdk_sys::$name, $($field).+).1 };
}

/// Types without fields of their own: their sizes.
macro_rules! simple {
    ($($name:ident = $theirs:ty),+ $(,)?) => {
        &[$(Fact::new(
            Kind::Size,
            stringify!($name),
            size_of::<wdk_sys::$name>() as i64,
            size_of::<$theirs>() as i64,
        )),+]
    };
}

/// Structures whose fields have the same names on both sides.
pub(crate) const FACTS: &[Fact] = structures! {
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
        Type, Size, DeviceObject, Vpb, FsContext, FsContext2, RelatedFileObject, FileName,
        FileName.Length, Flags,
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
    information::NUMA_NODE_RELATIONSHIP { NodeNumber }
    information::SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX { Relationship, Size }
    security::ACCESS_ALLOWED_ACE { Header, Mask, SidStart }
    security::ACL { AclRevision, AclSize, AceCount }
    security::PRIVILEGE_SET { PrivilegeCount, Control, Privilege }
    security::SECURITY_DESCRIPTOR { Revision, Control, Owner, Group, Sacl, Dacl }
    security::SID { Revision, SubAuthorityCount, IdentifierAuthority, SubAuthority }
    security::SID_IDENTIFIER_AUTHORITY { Value }
    win32::LUID { LowPart, HighPart }
    win32::UNICODE_STRING { Length, MaximumLength, Buffer }
};

/// Fields inside unions and structures without a name, and those of a structure that has grown at
/// its end with every version of Windows, so that its size says nothing.
pub(crate) const UNNAMED: &[Fact] = unnamed! {
    foundation::IRP {
        Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation =
            Tail.Overlay.Anonymous2.Anonymous.CurrentStackLocation
    }
    io::IO_STATUS_BLOCK { __bindgen_anon_1.Status = Anonymous.Status }
    information::SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX {
        __bindgen_anon_1.NumaNode = Anonymous.NumaNode
    }
    file_system::SE_EXPORTS { SeDebugPrivilege = SeDebugPrivilege }
    file_system::SE_EXPORTS { SeLocalSystemSid = SeLocalSystemSid }
    file_system::SE_EXPORTS { SeAliasAdminsSid = SeAliasAdminsSid }
};

/// The metadata has lost `POINTER_ALIGNMENT` and `DECLSPEC_ALIGN(MEMORY_ALLOCATION_ALIGNMENT)`,
/// with which Microsoft's wdm.h declares these. It has `LARGE_INTEGER` as a plain integer.
pub(crate) const DOCUMENTED: &[Fact] = documented! {
    "wdm.h as its debugging symbols show it: _IO_STACK_LOCATION, _DEVICE_OBJECT, _IRP, _LARGE_INTEGER":
    Offset IO_STACK_LOCATION.Parameters.Create.FileAttributes = 0x18,
    Offset IO_STACK_LOCATION.Parameters.Create.ShareAccess = 0x1a,
    Offset IO_STACK_LOCATION.Parameters.Create.EaLength = 0x20,
    Offset IO_STACK_LOCATION.Parameters.DeviceIoControl.InputBufferLength = 0x10,
    Width IO_STACK_LOCATION.Parameters.DeviceIoControl.InputBufferLength = 4,
    Offset IO_STACK_LOCATION.Parameters.DeviceIoControl.IoControlCode = 0x18,
    Width IO_STACK_LOCATION.Parameters.DeviceIoControl.IoControlCode = 4,
    Offset IO_STACK_LOCATION.Parameters.DeviceIoControl.Type3InputBuffer = 0x20,
    Size DEVICE_OBJECT = 336,
    Size IRP = 208,
    Size LARGE_INTEGER = 8,
    Offset LARGE_INTEGER.QuadPart = 0,
    Width LARGE_INTEGER.QuadPart = 8,
    Size CCHAR = 1,
    Size USHORT = 2,
};

/// Types that the metadata has under the name of what they are.
pub(crate) const SIMPLE: &[Fact] = simple! {
    HANDLE = win32::HANDLE,
    KMUTEX = foundation::KMUTANT,
    KPROCESSOR_MODE = i8,
    NODE_REQUIREMENT = u32,
    NTSTATUS = win32::NTSTATUS,
    PCUNICODE_STRING = *const win32::UNICODE_STRING,
    PHYSICAL_ADDRESS = i64,
    PVOID = *mut c_void,
};
