//! Constants: their values. The types are not compared, a macro of C has none.

use windows_sys::Wdk::Foundation as foundation;
use windows_sys::Wdk::Storage::FileSystem as file_system;
use windows_sys::Wdk::System::SystemServices as services;
use windows_sys::Win32::Foundation as win32;
use windows_sys::Win32::Security as security;
use windows_sys::Win32::Storage::FileSystem as storage;
use windows_sys::Win32::System::Ioctl as ioctl;
use windows_sys::Win32::System::Kernel as kernel;
use windows_sys::Win32::System::SystemServices as system;
use windows_sys::Win32::System::Threading as threading;

use crate::same;

macro_rules! constants {
    ($($module:ident: $($name:ident),+;)+) => {
        $($(same!(
            wdk_sys::$name as i64,
            $module::$name as i64,
            concat!(stringify!($name), " has another value")
        );)+)+
    };
}

/// Enumerations are modules for bindgen, and plain constants in the metadata.
macro_rules! enumerations {
    ($($enumeration:ident { $($module:ident::$name:ident),+ })+) => {
        $($(same!(
            wdk_sys::$enumeration::$name,
            $module::$name,
            concat!(stringify!($name), " has another value")
        );)+)+
    };
}

constants! {
    file_system: DO_BUFFERED_IO, DO_DEVICE_INITIALIZING, IO_NO_INCREMENT;
    ioctl: FILE_DEVICE_UNKNOWN, FILE_READ_ACCESS, METHOD_BUFFERED;
    security: ACL_REVISION, DACL_SECURITY_INFORMATION;
    services: APC_LEVEL, DISPATCH_LEVEL, FILE_DEVICE_SECURE_OPEN, IRP_MJ_CLEANUP, IRP_MJ_CLOSE,
        IRP_MJ_CREATE, IRP_MJ_DEVICE_CONTROL, IRP_MJ_MAXIMUM_FUNCTION,
        KE_PROCESSOR_CHANGE_ADD_EXISTING, MM_ANY_NODE_OK, MdlMappingNoExecute, PAGE_READWRITE,
        PASSIVE_LEVEL, SE_DEBUG_PRIVILEGE, SL_OPEN_TARGET_DIRECTORY;
    storage: FILE_READ_DATA, WRITE_DAC;
    system: SECURITY_DESCRIPTOR_REVISION;
    threading: ALL_PROCESSOR_GROUPS;
    win32: OBJ_KERNEL_HANDLE, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
        STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_REQUEST, STATUS_REVISION_MISMATCH;
}

enumerations! {
    _EVENT_TYPE { kernel::NotificationEvent, kernel::SynchronizationEvent }
    _KDPC_IMPORTANCE {
        services::LowImportance, services::MediumImportance, services::HighImportance
    }
    _KE_PROCESSOR_CHANGE_NOTIFY_STATE {
        services::KeProcessorAddStartNotify, services::KeProcessorAddCompleteNotify,
        services::KeProcessorAddFailureNotify
    }
    _KWAIT_REASON { services::Executive, services::UserRequest }
    _MEMORY_CACHING_TYPE { services::MmNonCached, services::MmCached }
    _MM_PAGE_PRIORITY { services::LowPagePriority, services::NormalPagePriority }
    _MODE { services::KernelMode, services::UserMode }
    _POOL_TYPE { foundation::NonPagedPool, foundation::PagedPool }
}
