//! Layouts of the structures that the kernel shares with drivers.
//!
//! They are Microsoft's own, from the metadata behind `windows-sys`, so that
//! the lab judges the headers that a driver was compiled with instead of sharing
//! them. That metadata knows no `DECLSPEC_ALIGN` and no `POINTER_ALIGNMENT`: what
//! depends on these is defined here, with offsets as `dt` shows them for the
//! public symbols of ntoskrnl.exe.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::offset_of;

pub(crate) use windows_sys::Wdk::Foundation::{
    DEVICE_OBJECT, DRIVER_EXTENSION, DRIVER_OBJECT, FILE_OBJECT, IO_STACK_LOCATION, IRP, KDPC,
    KEVENT, KMUTANT, MDL,
};
pub(crate) use windows_sys::Win32::Foundation::UNICODE_STRING;
pub(crate) use windows_sys::Win32::System::Kernel::{LIST_ENTRY, PROCESSOR_NUMBER};
pub(crate) use windows_sys::Win32::System::SystemInformation::{
    GROUP_AFFINITY, NUMA_NODE_RELATIONSHIP, RelationNumaNode,
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
};

/// `IO_STACK_LOCATION.Parameters.DeviceIoControl`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct DeviceIoControl {
    /// `OutputBufferLength`.
    pub output_length: u32,
    padding_0: u32,
    /// `InputBufferLength`, `POINTER_ALIGNMENT`.
    pub input_length: u32,
    padding_1: u32,
    /// `IoControlCode`, `POINTER_ALIGNMENT`.
    pub control_code: u32,
    padding_2: u32,
    /// `Type3InputBuffer`.
    pub type_3_input: *mut c_void,
}

impl DeviceIoControl {
    /// The parameters of one request.
    pub(crate) const fn new(
        control_code: u32,
        input_length: u32,
        output_length: u32,
        type_3_input: *mut c_void,
    ) -> Self {
        Self {
            output_length,
            padding_0: 0,
            input_length,
            padding_1: 0,
            control_code,
            padding_2: 0,
            type_3_input,
        }
    }
}

/// `IO_STACK_LOCATION.Parameters.Create`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Create {
    /// `SecurityContext`.
    pub security_context: *mut c_void,
    /// `Options`.
    pub options: u32,
    padding_0: u32,
    /// `FileAttributes`, `POINTER_ALIGNMENT`.
    pub file_attributes: u16,
    /// `ShareAccess`.
    pub share_access: u16,
    padding_1: u32,
    /// `EaLength`, `POINTER_ALIGNMENT`.
    pub ea_length: u32,
    padding_2: u32,
}

impl Create {
    /// The parameters of an open of an existing device.
    pub(crate) const fn new(
        security_context: *mut c_void,
        options: u32,
        share_access: u16,
    ) -> Self {
        Self {
            security_context,
            options,
            padding_0: 0,
            file_attributes: 0,
            share_access,
            padding_1: 0,
            ea_length: 0,
            padding_2: 0,
        }
    }
}

/// `DEVICE_OBJECT` is `DECLSPEC_ALIGN(MEMORY_ALLOCATION_ALIGNMENT)`.
pub(crate) const DEVICE_OBJECT_SIZE: usize = size_of::<DEVICE_OBJECT>().next_multiple_of(16);

const _: () = {
    assert!(offset_of!(DeviceIoControl, input_length) == 8);
    assert!(offset_of!(DeviceIoControl, control_code) == 16);
    assert!(offset_of!(DeviceIoControl, type_3_input) == 24);
    assert!(offset_of!(Create, file_attributes) == 16);
    assert!(offset_of!(Create, ea_length) == 24);
    assert!(size_of::<Create>() == 32 && size_of::<DeviceIoControl>() == 32);

    assert!(DEVICE_OBJECT_SIZE == 0x150);
    assert!(offset_of!(DEVICE_OBJECT, DeviceExtension) == 0x40);
    assert!(offset_of!(DEVICE_OBJECT, StackSize) == 0x4C);
    assert!(offset_of!(DEVICE_OBJECT, DeviceObjectExtension) == 0x138);
    assert!(size_of::<DRIVER_OBJECT>() == 0x150);
    assert!(offset_of!(DRIVER_OBJECT, MajorFunction) == 0x70);
    assert!(size_of::<IRP>() == 0xD0);
    assert!(offset_of!(IRP, Tail.Overlay.Anonymous2.Anonymous.CurrentStackLocation) == 0xB8);
    assert!(size_of::<IO_STACK_LOCATION>() == 0x48);
    assert!(offset_of!(IO_STACK_LOCATION, DeviceObject) == 0x28);
    assert!(size_of::<FILE_OBJECT>() == 0xD8);
    assert!(size_of::<KDPC>() == 0x40);
    assert!(offset_of!(KDPC, DpcData) == 0x38);
    assert!(size_of::<KEVENT>() == 0x18);
    assert!(size_of::<KMUTANT>() == 0x38);
    assert!(size_of::<MDL>() == 0x30);
    assert!(size_of::<PROCESSOR_NUMBER>() == 4);
    assert!(size_of::<UNICODE_STRING>() == 16);
};

/// Where a field of type `T` lies in a structure `S`.
pub(crate) struct Field<S, T> {
    offset: usize,
    types: PhantomData<fn(S) -> T>,
}

impl<S, T> Field<S, T> {
    /// The field at an offset; the closure only tells its type.
    pub(crate) const fn new(offset: usize, _: fn(*mut S) -> *mut T) -> Self {
        Self {
            offset,
            types: PhantomData,
        }
    }

    /// The same place, seen as another type of the same size.
    pub(crate) const fn retyped<U>(self) -> Field<S, U> {
        const { assert!(size_of::<T>() == size_of::<U>()) };
        Field {
            offset: self.offset,
            types: PhantomData,
        }
    }

    /// A pointer to the field of the structure at `base`.
    pub(crate) const fn of(&self, base: *mut S) -> *mut T {
        base.wrapping_byte_add(self.offset).cast()
    }
}

/// A [`Field`] by its path, which may go through unions.
macro_rules! field {
    ($S:ty, $($name:tt).+) => {{
        #[expect(unsafe_code, reason = "a closure that only tells the field's type")]
        // SAFETY: never called.
        let type_of = |structure: *mut $S| unsafe { &raw mut (*structure).$($name).+ };
        $crate::nt::structures::Field::new(core::mem::offset_of!($S, $($name).+), type_of)
    }};
}
pub(crate) use field;
