//! The NTSTATUS values that the lab gives out, as drivers hold them: unsigned.

use windows_sys::Win32::Foundation as nt;

macro_rules! statuses {
    ($($name:ident = $value:ident),+ $(,)?) => {
        $(
            #[doc = concat!("`", stringify!($value), "`.")]
            pub const $name: u32 = nt::$value.cast_unsigned();
        )+
    };
}

statuses! {
    SUCCESS = STATUS_SUCCESS,
    TIMEOUT = STATUS_TIMEOUT,
    PENDING = STATUS_PENDING,
    INVALID_PARAMETER = STATUS_INVALID_PARAMETER,
    INVALID_DEVICE_REQUEST = STATUS_INVALID_DEVICE_REQUEST,
    ACCESS_DENIED = STATUS_ACCESS_DENIED,
    NO_SUCH_DEVICE = STATUS_NO_SUCH_DEVICE,
    OBJECT_NAME_INVALID = STATUS_OBJECT_NAME_INVALID,
    OBJECT_NAME_NOT_FOUND = STATUS_OBJECT_NAME_NOT_FOUND,
    OBJECT_NAME_COLLISION = STATUS_OBJECT_NAME_COLLISION,
    INSUFFICIENT_RESOURCES = STATUS_INSUFFICIENT_RESOURCES,
    INVALID_HANDLE = STATUS_INVALID_HANDLE,
    DEVICE_BUSY = STATUS_DEVICE_BUSY,
    INVALID_IMAGE_FORMAT = STATUS_INVALID_IMAGE_FORMAT,
    IMAGE_ALREADY_LOADED = STATUS_IMAGE_ALREADY_LOADED,
}

/// `NT_ERROR`.
pub const fn is_error(status: u32) -> bool {
    status >> 30 == 0b11
}

/// `NT_SUCCESS`.
pub const fn is_success(status: u32) -> bool {
    status.cast_signed() >= 0
}
