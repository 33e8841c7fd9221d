//! File objects and the system calls on them: open, close, control.
//!
//! All are opened for overlapped use: nothing keeps the requests on one handle, and its
//! closing, apart from each other.

#![expect(unsafe_code, reason = "file objects are raw memory that drivers see")]

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use lab_wire::{Access, Handle, IoctlResult, Token};

use super::buffers::{Buffers, Method};
use super::irp::{self, Completion, MAJOR_FUNCTIONS, Parameters};
use super::{device, driver, major, namespace, open_files};
use crate::base::address;
use crate::base::lock::Lock;
use crate::nt::pool::{self, Owner};
use crate::nt::rules::{Object, Routine};
use crate::nt::structures::{DEVICE_OBJECT, FILE_OBJECT, UNICODE_STRING, field};
use crate::nt::{status, thread};

/// `IO_TYPE_FILE`.
const TYPE_FILE: i16 = 5;

/// `FILE_OPEN` in the upper byte, as `Parameters.Create.Options` has it.
const OPEN_EXISTING: u32 = 0x0100_0000;

/// `FILE_GENERIC_READ` and `FILE_GENERIC_WRITE`.
const GENERIC_READ: u32 = 0x0012_0089;
const GENERIC_WRITE: u32 = 0x0012_0116;
const READ_ATTRIBUTES: u32 = 0x0010_0080;

/// `FILE_READ_ACCESS` and `FILE_WRITE_ACCESS` of a control code.
const CODE_READ: u32 = 1 << 14;
const CODE_WRITE: u32 = 2 << 14;

/// A file object. Its handle has a reference, and so has every call that uses the
/// handle: the driver is told that the handle goes while calls are still under way.
#[derive(Clone, Copy)]
struct File {
    device: u64,
    object: Object<FILE_OBJECT>,
    /// Address of the name's characters, zero for none.
    name: u64,
    access: Access,
    /// Of the thread that opened it, and makes all calls on it.
    token: Token,
}

// SAFETY: the object is the lab's own, and stays until the file is closed.
unsafe impl Send for File {}

struct Handles {
    open: BTreeMap<u32, File>,
    /// By address of the file object: its handle's reference, and one for each request.
    references: BTreeMap<u64, u32>,
    next: u32,
}

static HANDLES: Lock<Handles> = Lock::new(Handles {
    open: BTreeMap::new(),
    references: BTreeMap::new(),
    next: 1,
});

impl Handles {
    /// Makes the first handle of a file object.
    fn add(&mut self, file: File) -> Handle {
        let handle = self.next;
        self.next += 1;
        self.references.insert(file.object.address(), 1);
        self.open.insert(handle, file);
        Handle(handle)
    }

    /// The file object of a handle, with a reference for a request.
    fn reference(&mut self, handle: Handle) -> Option<File> {
        let file = *self.open.get(&handle.0)?;
        *self.references.get_mut(&file.object.address())? += 1;
        Some(file)
    }

    /// Gives a reference back, and tells whether it was the last.
    fn release(&mut self, file: &File) -> bool {
        let address = file.object.address();
        let references = self.references.get_mut(&address).expect("it is referenced");
        *references -= 1;
        let is_last = *references == 0;
        if is_last {
            self.references.remove(&address);
        }
        is_last
    }
}

/// How many handles are open.
pub(crate) fn open_handles() -> u32 {
    u32::try_from(HANDLES.lock().open.len()).expect("few handles")
}

/// `CreateFile` on a device.
pub(crate) fn open(path: &str, access: Access, token: Token) -> Result<Handle, u32> {
    open_files::add();
    try_open(path, access, token).map_err(|(status, last)| {
        gone(last);
        status
    })
}

/// Counts a file that is gone. The driver may have waited for that with its unloading.
fn gone(unloads: bool) {
    open_files::remove();
    if unloads {
        driver::unload_unused();
    }
}

/// The error tells too whether the driver is to be unloaded now.
fn try_open(path: &str, access: Access, token: Token) -> Result<Handle, (u32, bool)> {
    let in_use = |status| (status, false);
    let target = namespace::resolve(path).map_err(in_use)?;
    device::open(target.device).map_err(in_use)?;
    let has_path = !target.rest.is_empty();
    let opened = if device::admits(target.device, token, desired(access), has_path) {
        thread::with_token(token, || create(target.device, &target.rest, access, token))
    } else {
        Err(status::ACCESS_DENIED)
    };
    match opened {
        Ok(file) => Ok(HANDLES.lock().add(file)),
        Err(status) => Err((status, device::close(target.device))),
    }
}

/// Makes a file object and lets the driver accept it.
fn create(device: u64, rest: &str, access: Access, token: Token) -> Result<File, u32> {
    let file = allocate(device, rest, access, token).ok_or(status::INSUFFICIENT_RESOURCES)?;
    let outcome = send_create(&file);
    match outcome {
        Ok(()) => Ok(file),
        Err(status) => {
            free(&file);
            Err(status)
        }
    }
}

fn send_create(file: &File) -> Result<(), u32> {
    let context = security_context(file.access).ok_or(status::INSUFFICIENT_RESOURCES)?;
    let parameters = Parameters::Create {
        security_context: context,
        options: OPEN_EXISTING,
    };
    let completion = irp::send(
        file.device,
        file.object.pointer(),
        parameters,
        Buffers::default(),
    );
    pool::free_system(Routine("IRP_MJ_CREATE"), context);
    let completion = completion?;
    if status::is_success(completion.status) {
        Ok(())
    } else {
        Err(completion.status)
    }
}

/// The access mask that a caller asks for, without generic rights.
const fn desired(access: Access) -> u32 {
    let mut desired = READ_ATTRIBUTES;
    if access.read {
        desired |= GENERIC_READ;
    }
    if access.write {
        desired |= GENERIC_WRITE;
    }
    desired
}

/// An `IO_SECURITY_CONTEXT` without an access state.
fn security_context(access: Access) -> Option<u64> {
    use windows_sys::Wdk::Foundation::IO_SECURITY_CONTEXT;
    let size = size_of::<IO_SECURITY_CONTEXT>() as u64;
    let address = pool::allocate(Owner::System("security context"), size, 16, 0)?;
    Object::own(address::pointer::<IO_SECURITY_CONTEXT>(address)).write(IO_SECURITY_CONTEXT {
        DesiredAccess: desired(access),
        ..IO_SECURITY_CONTEXT::default()
    });
    Some(address)
}

fn allocate(device: u64, rest: &str, access: Access, token: Token) -> Option<File> {
    let size = size_of::<FILE_OBJECT>() as u64;
    let address = pool::allocate(Owner::System("file object"), size, 16, 0)?;
    let object = Object::own(address::pointer::<FILE_OBJECT>(address));
    object.write(FILE_OBJECT::default());
    object.set(field!(FILE_OBJECT, Type), TYPE_FILE);
    object.set(
        field!(FILE_OBJECT, Size),
        i16::try_from(size).expect("small"),
    );
    object.set(
        field!(FILE_OBJECT, DeviceObject),
        device::object(device).pointer(),
    );
    let mut file = File {
        device,
        object,
        name: 0,
        access,
        token,
    };
    if !rest.is_empty() && !set_name(&mut file, rest) {
        free(&file);
        return None;
    }
    Some(file)
}

fn set_name(file: &mut File, name: &str) -> bool {
    let units: Vec<u16> = name.encode_utf16().collect();
    let bytes = size_of_val(units.as_slice());
    let Ok(length) = u16::try_from(bytes) else {
        return false;
    };
    let Some(address) = pool::allocate(Owner::System("file name"), bytes as u64, 16, 0) else {
        return false;
    };
    let buffer = address::pointer::<u16>(address);
    // SAFETY: the block was just allocated with this size.
    unsafe { buffer.copy_from_nonoverlapping(units.as_ptr(), units.len()) };
    file.name = address;
    file.object.set(
        field!(FILE_OBJECT, FileName),
        UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: buffer,
        },
    );
    true
}

fn free(file: &File) {
    const ROUTINE: Routine = Routine("IRP_MJ_CLOSE");
    if file.name != 0 {
        pool::free_system(ROUTINE, file.name);
    }
    pool::free_system(ROUTINE, file.object.address());
}

/// `CloseHandle`: the driver gets two requests, first that the last handle goes, then
/// that the file object goes, which requests under way may put off.
pub(crate) fn close(handle: Handle) -> u32 {
    let Some(file) = HANDLES.lock().open.remove(&handle.0) else {
        return status::INVALID_HANDLE;
    };
    thread::with_token(file.token, || {
        tell(&file, Parameters::Cleanup, "IRP_MJ_CLEANUP");
    });
    release(&file);
    status::SUCCESS
}

/// Gives a reference back; the file object goes with the last.
fn release(file: &File) {
    let is_last = HANDLES.lock().release(file);
    if is_last {
        thread::with_token(file.token, || {
            tell(file, Parameters::Close, "IRP_MJ_CLOSE");
        });
        free(file);
        let last = device::close(file.device);
        gone(last);
    }
}

/// `CancelIoEx` for all requests of a handle; returns how many there were.
pub(crate) fn cancel(handle: Handle) -> u32 {
    let Some(file) = HANDLES.lock().reference(handle) else {
        return 0;
    };
    let cancelled = irp::cancel(file.object.pointer());
    release(&file);
    cancelled
}

/// Sends a request that a driver may not refuse.
fn tell(file: &File, parameters: Parameters, name: &'static str) {
    let pointer = file.object.pointer();
    let sent = irp::send(file.device, pointer, parameters, Buffers::default());
    let completion = sent.expect("memory for an IRP");
    if handles_itself(file.device, parameters) {
        Routine(name).require(
            status::is_success(completion.status),
            "status",
            format_args!(
                "completed with {:#010x}, a driver may not refuse it",
                completion.status
            ),
        );
    }
}

/// Whether the driver set a dispatch routine of its own.
fn handles_itself(device: u64, parameters: Parameters) -> bool {
    let major = match parameters {
        Parameters::Cleanup => major::CLEANUP,
        _ => major::CLOSE,
    };
    let driver = Object::own(device::object(device).get(field!(DEVICE_OBJECT, DriverObject)));
    let routine = driver.get(MAJOR_FUNCTIONS)[usize::from(major)];
    routine != irp::invalid_device_request as *const ()
}

/// `DeviceIoControl`.
pub(crate) fn control(handle: Handle, code: u32, input: &[u8], output_length: u32) -> IoctlResult {
    match try_control(handle, code, input, output_length) {
        Ok(completion) => IoctlResult {
            status: completion.status,
            information: completion.information,
            output: completion.output,
        },
        Err(status) => IoctlResult {
            status,
            information: 0,
            output: Vec::new(),
        },
    }
}

/// `DeviceIoControl`; the error is of requests that don't get to the driver.
pub(crate) fn try_control(
    handle: Handle,
    code: u32,
    input: &[u8],
    output_length: u32,
) -> Result<Completion, u32> {
    let file = HANDLES.lock().reference(handle);
    let file = file.ok_or(status::INVALID_HANDLE)?;
    let completion = send_control(&file, code, input, output_length);
    release(&file);
    completion
}

fn send_control(
    file: &File,
    code: u32,
    input: &[u8],
    output_length: u32,
) -> Result<Completion, u32> {
    let denied =
        code & CODE_READ != 0 && !file.access.read || code & CODE_WRITE != 0 && !file.access.write;
    if denied {
        return Err(status::ACCESS_DENIED);
    }
    let input_length = u32::try_from(input.len()).map_err(|_| status::INVALID_PARAMETER)?;
    let buffers = Buffers::new(Method::of(code), input, output_length)
        .ok_or(status::INSUFFICIENT_RESOURCES)?;
    let parameters = Parameters::Control {
        code,
        input_length,
        output_length,
    };
    thread::with_token(file.token, || {
        irp::send(file.device, file.object.pointer(), parameters, buffers)
    })
}
