//! The driver itself, with as few instructions for a request as its checks allow.

#![expect(
    unsafe_code,
    reason = "a driver gets its structures as raw pointers, and registers are read by assembly"
)]

use core::arch::asm;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;

use crate::{CONTROL_REGISTER, CONTROL_SEGMENT, Register, Segment, SegmentName};
use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT, IRP};
use windows_sys::Wdk::System::SystemServices::{
    IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink, IofCompleteRequest,
};
use windows_sys::Win32::Foundation::{
    NTSTATUS, STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER,
    STATUS_SUCCESS, UNICODE_STRING,
};

static DEVICE_NAME: [u16; 18] = wide(br"\Device\LabHopping");
static LINK_NAME: [u16; 14] = wide(br"\??\LabHopping");

/// `FILE_DEVICE_UNKNOWN`.
const DEVICE_TYPE: u32 = 0x22;

/// `FILE_DEVICE_SECURE_OPEN`.
const SECURE_OPEN: u32 = 0x100;

/// Bytes of a request's input: a number.
const INPUT_LENGTH: u32 = 4;

/// `IRP_MJ_CREATE`, `IRP_MJ_CLOSE`, `IRP_MJ_DEVICE_CONTROL`.
mod major {
    pub const CREATE: usize = 0;
    pub const CLOSE: usize = 2;
    pub const DEVICE_CONTROL: usize = 14;
}

/// `IO_STACK_LOCATION.Parameters.DeviceIoControl`: the metadata behind `windows-sys` knows no
/// `POINTER_ALIGNMENT`.
#[repr(C)]
struct DeviceIoControl {
    output_length: u32,
    padding_0: u32,
    input_length: u32,
    padding_1: u32,
    code: u32,
    padding_2: u32,
}

const fn wide<const LENGTH: usize>(text: &[u8; LENGTH]) -> [u16; LENGTH] {
    let mut units = [0; LENGTH];
    let mut index = 0;
    while index < LENGTH {
        units[index] = text[index] as u16;
        index += 1;
    }
    units
}

#[expect(clippy::cast_possible_truncation, reason = "a few dozen bytes")]
fn string(units: &'static [u16]) -> UNICODE_STRING {
    let length = size_of_val(units) as u16;
    UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: units.as_ptr().cast_mut(),
    }
}

/// Makes the device. `IRQL == PASSIVE_LEVEL`.
///
/// # Safety
///
/// The system calls it, with the driver object of this driver.
// SAFETY: no other symbol of this name is linked, and the system expects this one.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(
    driver: *mut DRIVER_OBJECT,
    _registry_path: *const c_void,
) -> NTSTATUS {
    // SAFETY: the object is this driver's, and nobody else uses it before this returns.
    let object = unsafe { &mut *driver };
    object.MajorFunction[major::CREATE] = Some(agree);
    object.MajorFunction[major::CLOSE] = Some(agree);
    object.MajorFunction[major::DEVICE_CONTROL] = Some(control);
    object.DriverUnload = Some(unload);
    let name = string(&DEVICE_NAME);
    let mut device = ptr::null_mut();
    // SAFETY: the name is whole, and the result is written to `device`.
    let created = unsafe {
        IoCreateDevice(
            driver,
            0,
            &raw const name,
            DEVICE_TYPE,
            SECURE_OPEN,
            false,
            &raw mut device,
        )
    };
    if created != STATUS_SUCCESS {
        return created;
    }
    let link = string(&LINK_NAME);
    // SAFETY: both strings are whole, and only read.
    let linked = unsafe { IoCreateSymbolicLink(&raw const link, &raw const name) };
    if linked != STATUS_SUCCESS {
        // SAFETY: the device is this driver's, and nobody can have opened it yet.
        unsafe { IoDeleteDevice(device) };
    }
    linked
}

/// Takes the device away. `IRQL == PASSIVE_LEVEL`.
unsafe extern "system" fn unload(driver: *const DRIVER_OBJECT) {
    let link = string(&LINK_NAME);
    // SAFETY: the string is whole, and only read. A link that is gone already is no harm.
    let _ = unsafe { IoDeleteSymbolicLink(&raw const link) };
    // SAFETY: the object is this driver's.
    let device = unsafe { (*driver).DeviceObject };
    // SAFETY: the device is this driver's, and is not open when it is unloaded.
    unsafe { IoDeleteDevice(device) };
}

/// Agrees to be opened and closed. `IRQL == PASSIVE_LEVEL`.
unsafe extern "system" fn agree(_: *const DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the packet came from the I/O manager.
    unsafe { complete(irp, Ok(0)) }
}

/// Reads what is asked for. `IRQL == PASSIVE_LEVEL`.
unsafe extern "system" fn control(_: *const DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the packet is this driver's until it is completed.
    let packet = unsafe { &*irp };
    // SAFETY: in a packet under way the overlay is the member in use.
    let overlay = unsafe { &packet.Tail.Overlay };
    // SAFETY: as above.
    let location = unsafe { overlay.Anonymous2.Anonymous.CurrentStackLocation };
    // SAFETY: a driver that received a packet has a stack location in it.
    let parameters = unsafe { &raw const (*location).Parameters };
    // SAFETY: device control fills in this member.
    let request = unsafe { &*parameters.cast::<DeviceIoControl>() };
    // SAFETY: with this method the member is the buffer's address.
    let buffer = unsafe { packet.AssociatedIrp.SystemBuffer };
    // SAFETY: the buffer is this request's.
    let result = unsafe { answer(request, buffer) };
    // SAFETY: the packet came from the I/O manager.
    unsafe { complete(irp, result) }
}

/// Puts the answer where the input was, and returns its length.
///
/// # Safety
///
/// The buffer is the system buffer of the request.
unsafe fn answer(request: &DeviceIoControl, buffer: *mut c_void) -> Result<usize, NTSTATUS> {
    if request.input_length != INPUT_LENGTH {
        return Err(STATUS_INVALID_PARAMETER);
    }
    // SAFETY: the input is as long as a number, and aligned for any.
    let number = unsafe { buffer.cast::<u32>().read() };
    let room = request.output_length as usize;
    match request.code {
        CONTROL_REGISTER if room >= size_of::<Register>() => {
            // SAFETY: there is room for the answer.
            unsafe { buffer.cast::<Register>().write(register(number)) };
            Ok(size_of::<Register>())
        }
        CONTROL_SEGMENT if room >= size_of::<Segment>() => {
            let segment = segment(number).ok_or(STATUS_INVALID_PARAMETER)?;
            // SAFETY: as above.
            unsafe { buffer.cast::<Segment>().write(segment) };
            Ok(size_of::<Segment>())
        }
        CONTROL_REGISTER | CONTROL_SEGMENT => Err(STATUS_BUFFER_TOO_SMALL),
        _ => Err(STATUS_INVALID_DEVICE_REQUEST),
    }
}

/// Reads a model-specific register. A number that the processor does not have ends the run.
fn register(number: u32) -> Register {
    let tsc = time_stamp();
    let (high, low): (u32, u32);
    // SAFETY: the caller, which is the bench, names registers that can be read without an effect.
    unsafe {
        asm!(
            "rdmsr",
            in("ecx") number,
            out("edx") high,
            out("eax") low,
            options(nomem, nostack, preserves_flags),
        );
    }
    Register {
        tsc,
        value: u64::from(high) << 32 | u64::from(low),
    }
}

/// Reads the selector and the descriptor of the segment with a number.
fn segment(number: u32) -> Option<Segment> {
    const FS: u32 = SegmentName::Fs as u32;
    const GS: u32 = SegmentName::Gs as u32;
    const LDTR: u32 = SegmentName::Ldtr as u32;
    const TR: u32 = SegmentName::Tr as u32;
    let tsc = time_stamp();
    let selector: u64;
    match number {
        // SAFETY: reads a segment register, and so do the others.
        FS => unsafe {
            asm!("mov {:r}, fs", out(reg) selector, options(nomem, nostack, preserves_flags));
        },
        // SAFETY: as above.
        GS => unsafe {
            asm!("mov {:r}, gs", out(reg) selector, options(nomem, nostack, preserves_flags));
        },
        // SAFETY: as above.
        LDTR => unsafe {
            asm!("sldt {:r}", out(reg) selector, options(nomem, nostack, preserves_flags));
        },
        // SAFETY: as above.
        TR => unsafe {
            asm!("str {:r}", out(reg) selector, options(nomem, nostack, preserves_flags));
        },
        _ => return None,
    }
    let table = DescriptorTable::global();
    let offset = selector & !7;
    let descriptor = if offset == 0 {
        [0; 2]
    } else {
        [table.quadword(offset), table.quadword(offset + 8)]
    };
    Some(Segment {
        tsc,
        selector,
        descriptor,
    })
}

/// What `SGDT` stores.
#[repr(C, packed)]
struct DescriptorTable {
    limit: u16,
    base: u64,
}

impl DescriptorTable {
    fn global() -> Self {
        let mut table = MaybeUninit::<Self>::uninit();
        let place = table.as_mut_ptr();
        // SAFETY: stores ten bytes to `table`, and changes nothing else.
        unsafe { asm!("sgdt [{}]", in(reg) place, options(nostack, preserves_flags)) };
        // SAFETY: the ten bytes are all of it.
        unsafe { table.assume_init() }
    }

    /// Eight bytes at an offset; zero beyond the limit.
    fn quadword(&self, offset: u64) -> u64 {
        if offset + 7 > self.limit.into() {
            return 0;
        }
        let address = (self.base + offset) as *const u64;
        // SAFETY: the table that the processor uses is mapped up to its limit. The processor
        // itself may set accessed bits, which is why the read is volatile.
        unsafe { address.read_volatile() }
    }
}

fn time_stamp() -> u64 {
    // SAFETY: reading the counter has no effect.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Completes a packet, and returns the status for the major function to return.
///
/// # Safety
///
/// The packet came from the I/O manager, and is not touched afterwards.
unsafe fn complete(irp: *mut IRP, result: Result<usize, NTSTATUS>) -> NTSTATUS {
    let (status, information) = match result {
        Ok(length) => (STATUS_SUCCESS, length),
        Err(status) => (status, 0),
    };
    // SAFETY: the packet is this driver's until it is completed.
    let outcome = unsafe { &mut (*irp).IoStatus };
    outcome.Anonymous.Status = status;
    outcome.Information = information;
    // SAFETY: it is completed once.
    unsafe { IofCompleteRequest(irp, 0) };
    status
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
