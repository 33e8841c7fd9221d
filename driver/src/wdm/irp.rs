//! An I/O request packet, from the major function that receives it until it is completed.

#![expect(
    unsafe_code,
    reason = "a structure of the I/O manager's, used through its address"
)]

use core::ptr::NonNull;
use core::slice;

use wdk_sys::ntddk::IofCompleteRequest;
use wdk_sys::{
    CCHAR, FILE_OBJECT, IO_NO_INCREMENT, IO_STACK_LOCATION, IO_STATUS_BLOCK, IRP, KPROCESSOR_MODE,
    NTSTATUS,
};

/// A packet that this driver has to complete.
pub(crate) struct Irp(NonNull<IRP>);

/// A device-control request whose buffers the I/O manager copied to nonpaged memory
/// (`METHOD_BUFFERED`).
pub(crate) struct BufferedControl {
    /// The control code.
    pub(crate) code: u32,
    /// Length of the input in bytes, as the caller says.
    pub(crate) input_length: usize,
    /// Length of the output in bytes, as the caller says.
    pub(crate) output_length: usize,
}

impl Irp {
    /// Takes charge of a packet.
    ///
    /// # Safety
    ///
    /// The I/O manager passed it to a major function of this driver, which calls this once.
    pub(crate) unsafe fn receive(irp: NonNull<IRP>) -> Self {
        Self(irp)
    }

    /// The request, of a packet that `IRP_MJ_DEVICE_CONTROL` received. Any IRQL.
    pub(crate) fn buffered_control(&self) -> BufferedControl {
        // SAFETY: a driver that received a packet has a stack location in it.
        let location = unsafe { &*self.stack_location() };
        // SAFETY: this is the member that device control fills in.
        let parameters = unsafe { &location.Parameters.DeviceIoControl };
        BufferedControl {
            code: parameters.IoControlCode,
            input_length: parameters.InputBufferLength as usize,
            output_length: parameters.OutputBufferLength as usize,
        }
    }

    /// The buffer of a request with `METHOD_BUFFERED`: holds the input first, then takes the
    /// output, and is as long as the longer of the two. Any IRQL.
    pub(crate) fn system_buffer(&mut self, control: &BufferedControl) -> &mut [u8] {
        let length = control.input_length.max(control.output_length);
        // SAFETY: the packet is this driver's until it is completed; no reference is made.
        let associated = unsafe { (*self.0.as_ptr()).AssociatedIrp };
        // SAFETY: with this method the member is the buffer's address.
        let buffer = unsafe { associated.SystemBuffer }.cast::<u8>();
        if buffer.is_null() {
            return &mut [];
        }
        // SAFETY: the I/O manager allocated that many bytes, for this packet alone, and the
        // borrow ends before the packet is completed.
        unsafe { slice::from_raw_parts_mut(buffer, length) }
    }

    /// Completes the packet and returns the status for the major function to return.
    /// `IRQL <= DISPATCH_LEVEL`.
    ///
    /// `information` is the number of bytes of output.
    pub(crate) fn complete(self, status: NTSTATUS, information: usize) -> NTSTATUS {
        #[expect(clippy::cast_possible_truncation, reason = "it is zero")]
        const BOOST: CCHAR = IO_NO_INCREMENT as CCHAR;
        let irp = self.0.as_ptr();
        let mut result = IO_STATUS_BLOCK::default();
        result.__bindgen_anon_1.Status = status;
        result.Information = information as _;
        // SAFETY: the packet is this driver's until it is completed; no reference is made.
        unsafe { (*irp).IoStatus = result };
        // SAFETY: completed once, since `self` ends here, and not touched afterwards.
        unsafe { IofCompleteRequest(irp, BOOST) };
        status
    }

    /// Whether the file that is being opened has a path behind the device's name. Any IRQL.
    pub(crate) fn has_path_behind_device(&self) -> bool {
        // SAFETY: a driver that received a packet has a stack location in it.
        let file: *const FILE_OBJECT = unsafe { (*self.stack_location()).FileObject };
        // SAFETY: a file object that is being opened has its name; a packet without a file
        // object opens nothing.
        unsafe { file.as_ref() }.is_some_and(|file| file.FileName.Length != 0)
    }

    /// Who sent the packet: `KernelMode` or `UserMode`. Any IRQL.
    pub(crate) fn requestor_mode(&self) -> KPROCESSOR_MODE {
        // SAFETY: the packet is this driver's until it is completed.
        unsafe { (*self.0.as_ptr()).RequestorMode }
    }

    /// This driver's stack location, as `IoGetCurrentIrpStackLocation` of the WDK finds it.
    fn stack_location(&self) -> *const IO_STACK_LOCATION {
        // SAFETY: the packet is this driver's until it is completed; no reference is made.
        let overlay = unsafe { &raw const (*self.0.as_ptr()).Tail.Overlay };
        // SAFETY: in a packet under way the overlay is the member in use.
        let overlay = unsafe { &(*overlay).__bindgen_anon_2 };
        // SAFETY: of a packet under way, the I/O manager keeps the location and not a packet type.
        unsafe { overlay.__bindgen_anon_1.CurrentStackLocation }
    }
}
