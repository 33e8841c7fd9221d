//! Constants: their values. The types are not compared, a macro of C has none.

use windows_sys::Wdk::Foundation as foundation;
use windows_sys::Wdk::Storage::FileSystem as file_system;
use windows_sys::Wdk::System::SystemServices as services;
use windows_sys::Win32::Foundation as win32;
use windows_sys::Win32::Security as security;
use windows_sys::Win32::Storage::FileSystem as storage;
use windows_sys::Win32::System::Ioctl as ioctl;
use windows_sys::Win32::System::Kernel as kernel;
use windows_sys::Win32::System::SystemInformation as information;
use windows_sys::Win32::System::SystemServices as system;
use windows_sys::Win32::System::Threading as threading;

use crate::fact::{Fact, Kind};

macro_rules! constants {
    ($($module:ident: $($name:ident),+;)+) => {
        &[$($(Fact::new(
            Kind::Value,
            stringify!($name),
            wdk_sys::$name as i64,
            $module::$name as i64,
        ),)+)+]
    };
}

/// Enumerations are modules for bindgen, and plain constants in the metadata.
macro_rules! enumerations {
    ($($enumeration:ident { $($module:ident::$name:ident),+ })+) => {
        &[$($(Fact::new(
            Kind::Value,
            concat!(stringify!($enumeration), "::", stringify!($name)),
            wdk_sys::$enumeration::$name as i64,
            $module::$name as i64,
        ),)+)+]
    };
}

/// Constants that the metadata lacks, with the page that has them.
macro_rules! documented_constants {
    ($voucher:literal: $($name:ident = $value:literal),+) => {
        &[$(Fact::documented(
            Kind::Value,
            stringify!($name),
            wdk_sys::$name as i64,
            $value,
            $voucher,
        )),+]
    };
}

/// Flags of `ExAllocatePool2`.
pub(crate) const DOCUMENTED: &[Fact] = documented_constants! {
    "learn.microsoft.com: Windows drivers, kernel, POOL_FLAGS":
    POOL_FLAG_CACHE_ALIGNED = 0x08, POOL_FLAG_NON_PAGED = 0x40
};

/// Macros of the headers.
pub(crate) const FACTS: &[Fact] = constants! {
    file_system: DO_BUFFERED_IO, DO_DEVICE_INITIALIZING, IO_NO_INCREMENT;
    ioctl: FILE_DEVICE_UNKNOWN, FILE_READ_ACCESS, METHOD_BUFFERED;
    security: ACL_REVISION, DACL_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION;
    services: APC_LEVEL, DISPATCH_LEVEL, FILE_DEVICE_SECURE_OPEN, IRP_MJ_CLEANUP, IRP_MJ_CLOSE,
        IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_MAXIMUM_FUNCTION,
        KE_PROCESSOR_CHANGE_ADD_EXISTING, MM_ANY_NODE_OK, MdlMappingNoExecute, PAGE_READWRITE,
        PASSIVE_LEVEL, SE_DEBUG_PRIVILEGE, SL_OPEN_TARGET_DIRECTORY;
    storage: FILE_ALL_ACCESS, FILE_READ_DATA, WRITE_DAC;
    system: DOMAIN_ALIAS_RID_ADMINS, SECURITY_BUILTIN_DOMAIN_RID, SECURITY_DESCRIPTOR_REVISION,
        SECURITY_LOCAL_SYSTEM_RID;
    threading: ALL_PROCESSOR_GROUPS;
    win32: OBJ_KERNEL_HANDLE, STATUS_ACCESS_VIOLATION, STATUS_BUFFER_OVERFLOW,
        STATUS_BUFFER_TOO_SMALL, STATUS_ILLEGAL_INSTRUCTION, STATUS_INFO_LENGTH_MISMATCH,
        STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
        STATUS_OBJECT_NAME_INVALID, STATUS_PRIVILEGED_INSTRUCTION, STATUS_REVISION_MISMATCH,
        STATUS_SUCCESS;
};

/// Members of enumerations.
pub(crate) const ENUMERATIONS: &[Fact] = enumerations! {
    _EVENT_TYPE { kernel::NotificationEvent, kernel::SynchronizationEvent }
    _KDPC_IMPORTANCE {
        services::LowImportance, services::MediumImportance, services::HighImportance
    }
    _KE_PROCESSOR_CHANGE_NOTIFY_STATE {
        services::KeProcessorAddStartNotify, services::KeProcessorAddCompleteNotify,
        services::KeProcessorAddFailureNotify
    }
    _LOGICAL_PROCESSOR_RELATIONSHIP { information::RelationNumaNode }
    _KWAIT_REASON { services::Executive, services::UserRequest }
    _MEMORY_CACHING_TYPE { services::MmNonCached, services::MmCached }
    _MM_PAGE_PRIORITY { services::LowPagePriority, services::NormalPagePriority }
    _MODE { services::KernelMode, services::UserMode }
    _POOL_TYPE { foundation::NonPagedPool, foundation::PagedPool }
};
