//! I/O requests and their packets: made, sent, completed exactly once.

#![expect(unsafe_code, reason = "dispatch routines are called by address")]

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::buffers::Buffers;
use super::call::call_driver;
use super::{device, major};
use crate::base::address;
use crate::base::lock::Lock;
use crate::nt::pool::{self, Owner};
use crate::nt::rules::{Object, Routine};
use crate::nt::structures::{
    Create, DEVICE_OBJECT, DRIVER_OBJECT, DeviceIoControl, FILE_OBJECT, Field, IO_STACK_LOCATION,
    IRP, LIST_ENTRY, field,
};
use crate::nt::{irql, status, thread};
use crate::processor::apic::{self, Vector};
use crate::processor::{self, idle};

/// `IO_TYPE_IRP`.
const TYPE_IRP: i16 = 6;

/// `SL_PENDING_RETURNED`, what `IoMarkIrpPending` sets.
const PENDING_RETURNED: u8 = 0x01;

/// `IRP.Flags`.
mod irp_flag {
    pub(super) const SYNCHRONOUS_API: u32 = 0x4;
    pub(super) const CREATE_OPERATION: u32 = 0x8;
    pub(super) const BUFFERED_IO: u32 = 0x10;
    pub(super) const DEALLOCATE_BUFFER: u32 = 0x20;
    pub(super) const INPUT_OPERATION: u32 = 0x40;
    pub(super) const CLOSE_OPERATION: u32 = 0x400;
}

/// `UserMode` of `KPROCESSOR_MODE`: all requests come from programs.
const USER_MODE: i8 = 1;

/// Stack locations of a request: there is one driver in each stack.
const STACK_LOCATIONS: i8 = 1;

/// A driver's dispatch routine.
pub(crate) type Dispatch = unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut IRP) -> u32;

/// `DRIVER_OBJECT.MajorFunction`, whose calling convention the metadata leaves to
/// the target that it is compiled for.
pub(crate) const MAJOR_FUNCTIONS: Field<DRIVER_OBJECT, [*const (); 28]> =
    field!(DRIVER_OBJECT, MajorFunction).retyped();

const CURRENT_LOCATION: Field<IRP, *mut IO_STACK_LOCATION> =
    field!(IRP, Tail.Overlay.Anonymous2.Anonymous.CurrentStackLocation);

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parameters {
    /// `IRP_MJ_CREATE`.
    Create {
        /// Address of an `IO_SECURITY_CONTEXT`.
        security_context: u64,
        /// Disposition and options.
        options: u32,
    },
    /// `IRP_MJ_DEVICE_CONTROL`.
    Control {
        /// The control code.
        code: u32,
        /// Bytes of input.
        input_length: u32,
        /// Bytes of output that there is room for.
        output_length: u32,
    },
    /// `IRP_MJ_CLEANUP`.
    Cleanup,
    /// `IRP_MJ_CLOSE`.
    Close,
}

impl Parameters {
    const fn major(self) -> u8 {
        match self {
            Self::Create { .. } => major::CREATE,
            Self::Control { .. } => major::DEVICE_CONTROL,
            Self::Cleanup => major::CLEANUP,
            Self::Close => major::CLOSE,
        }
    }

    const fn output_length(self) -> u32 {
        match self {
            Self::Control { output_length, .. } => output_length,
            _ => 0,
        }
    }
}

/// How a request ended.
#[derive(Debug)]
pub(crate) struct Completion {
    /// `IoStatus.Status`.
    pub status: u32,
    /// `IoStatus.Information`, zero for errors: callers never see it then.
    pub information: u64,
    /// What the caller gets.
    pub output: Vec<u8>,
    /// Whether the driver has written nothing to the system buffer behind the input
    /// and what the caller gets.
    pub rest_untouched: bool,
    /// Whether the driver had marked the request pending.
    marked_pending: bool,
}

/// A request from its making until its sender has collected the completion.
struct ActiveRequest {
    buffers: Buffers,
    parameters: Parameters,
    file: *mut FILE_OBJECT,
    /// Where its thread waits.
    processor: u32,
    completion: Option<Completion>,
}

// SAFETY: the file object is the lab's own, and is only compared.
unsafe impl Send for ActiveRequest {}

/// By address of the IRP, with a number: addresses don't come back, but the
/// entry outlives the IRP.
static ACTIVE: Lock<BTreeMap<u64, ActiveRequest>> = Lock::new(BTreeMap::new());

/// How many requests the driver has not completed.
pub(crate) fn pending() -> u32 {
    let active = ACTIVE.lock();
    let pending = active
        .values()
        .filter(|request| request.completion.is_none());
    u32::try_from(pending.count()).expect("few requests")
}

/// `IoCancelIrp` for every request of a file object that is under way; returns how many.
pub(crate) fn cancel(file: *mut FILE_OBJECT) -> u32 {
    const ROUTINE: Routine = Routine("IoCancelIrp");
    let active = ACTIVE.lock();
    let of_file = active
        .iter()
        .filter(|(_, request)| request.file == file && request.completion.is_none());
    let cancelled = of_file.map(|(&address, _)| {
        let irp = Object::own(address::pointer::<IRP>(address));
        irp.set(field!(IRP, Cancel), true);
        ROUTINE.require(
            irp.get(field!(IRP, CancelRoutine)).is_none(),
            "cancel-routine",
            format_args!("the lab has no cancel spin lock to call it with"),
        );
    });
    u32::try_from(cancelled.count()).expect("few requests")
}

/// Sends a request to a device and waits for its completion.
pub(crate) fn send(
    device: u64,
    file: *mut FILE_OBJECT,
    parameters: Parameters,
    buffers: Buffers,
) -> Result<Completion, u32> {
    let Some(irp) = allocate() else {
        let mut buffers = buffers;
        buffers.free();
        return Err(status::INSUFFICIENT_RESOURCES);
    };
    fill(irp, device, file, parameters, &buffers);
    let address = irp.address();
    ACTIVE.lock().insert(
        address,
        ActiveRequest {
            buffers,
            parameters,
            file,
            processor: processor::current().index,
            completion: None,
        },
    );
    let returned = dispatch(device, irp, parameters.major());
    Ok(collect(address, returned))
}

fn allocate() -> Option<Object<IRP>> {
    let locations = size_of::<IO_STACK_LOCATION>() * STACK_LOCATIONS.unsigned_abs() as usize;
    let size = (size_of::<IRP>() + locations) as u64;
    let address = pool::allocate(Owner::System("IRP"), size, 16, 0)?;
    let bytes = address::pointer::<u8>(address);
    // SAFETY: the block was just allocated with this size.
    unsafe { bytes.write_bytes(0, address::to_usize(size)) };
    let irp = Object::own(address::pointer::<IRP>(address));
    irp.set(field!(IRP, Type), TYPE_IRP);
    irp.set(field!(IRP, Size), u16::try_from(size).expect("small"));
    Some(irp)
}

/// The stack location of the one driver.
fn location(irp: Object<IRP>) -> Object<IO_STACK_LOCATION> {
    Object::own(irp.pointer().wrapping_add(1).cast())
}

fn fill(
    irp: Object<IRP>,
    device: u64,
    file: *mut FILE_OBJECT,
    parameters: Parameters,
    buffers: &Buffers,
) {
    let threads: *mut LIST_ENTRY = field!(IRP, ThreadListEntry).of(irp.pointer());
    irp.set(
        field!(IRP, ThreadListEntry),
        LIST_ENTRY {
            Flink: threads,
            Blink: threads,
        },
    );
    irp.set(field!(IRP, Flags), flags(parameters, buffers));
    irp.set(
        field!(IRP, AssociatedIrp.SystemBuffer),
        address::pointer(buffers.system),
    );
    irp.set(field!(IRP, MdlAddress), address::pointer(buffers.list));
    irp.set(field!(IRP, UserBuffer), address::pointer(buffers.user));
    irp.set(field!(IRP, RequestorMode), USER_MODE);
    irp.set(
        field!(IRP, Tail.Overlay.Thread).retyped(),
        thread::current(),
    );
    irp.set(field!(IRP, Tail.Overlay.OriginalFileObject), file);
    irp.set(field!(IRP, StackCount), STACK_LOCATIONS);
    // As IoCallDriver leaves it for the topmost driver.
    irp.set(field!(IRP, CurrentLocation), STACK_LOCATIONS);
    irp.set(CURRENT_LOCATION, location(irp).pointer());
    fill_location(location(irp), device, file, parameters, buffers);
}

fn fill_location(
    location: Object<IO_STACK_LOCATION>,
    device: u64,
    file: *mut FILE_OBJECT,
    parameters: Parameters,
    buffers: &Buffers,
) {
    location.set(field!(IO_STACK_LOCATION, MajorFunction), parameters.major());
    location.set(
        field!(IO_STACK_LOCATION, DeviceObject),
        device::object(device).pointer(),
    );
    location.set(field!(IO_STACK_LOCATION, FileObject), file);
    match parameters {
        Parameters::Create {
            security_context,
            options,
        } => location.set(
            field!(IO_STACK_LOCATION, Parameters).retyped(),
            Create::new(address::pointer(security_context), options, 0),
        ),
        Parameters::Control {
            code,
            input_length,
            output_length,
        } => location.set(
            field!(IO_STACK_LOCATION, Parameters).retyped(),
            DeviceIoControl::new(
                code,
                input_length,
                output_length,
                address::pointer(buffers.type_3_input),
            ),
        ),
        Parameters::Cleanup | Parameters::Close => {}
    }
}

fn flags(parameters: Parameters, buffers: &Buffers) -> u32 {
    match parameters {
        Parameters::Create { .. } => irp_flag::CREATE_OPERATION | irp_flag::SYNCHRONOUS_API,
        Parameters::Close => irp_flag::CLOSE_OPERATION | irp_flag::SYNCHRONOUS_API,
        Parameters::Cleanup => irp_flag::SYNCHRONOUS_API,
        Parameters::Control { output_length, .. } => {
            let mut flags = 0;
            if buffers.system != 0 {
                flags |= irp_flag::BUFFERED_IO | irp_flag::DEALLOCATE_BUFFER;
                if output_length > 0 && buffers.list == 0 {
                    flags |= irp_flag::INPUT_OPERATION;
                }
            }
            flags
        }
    }
}

/// Calls the driver's routine for a request.
fn dispatch(device: u64, irp: Object<IRP>, major: u8) -> u32 {
    let device = device::object(device);
    let driver = Object::own(device.get(field!(DEVICE_OBJECT, DriverObject)));
    let routine = driver.get(MAJOR_FUNCTIONS)[usize::from(major)];
    let address = routine.addr() as u64;
    // SAFETY: the driver put a dispatch routine there, or left the lab's own.
    let routine = unsafe { core::mem::transmute::<*const (), Dispatch>(routine) };
    call_driver(Routine("DRIVER_DISPATCH"), address, || {
        // SAFETY: the device and the request are complete and live.
        unsafe { routine(device.pointer(), irp.pointer()) }
    })
}

/// Compares what a dispatch routine returned with what it did, and waits for the
/// completion of what it keeps.
fn collect(address: u64, returned: u32) -> Completion {
    const ROUTINE: Routine = Routine("DRIVER_DISPATCH");
    let (completed, marked_pending) = {
        let active = ACTIVE.lock();
        let request = active.get(&address).expect("this request's own");
        if let Some(completion) = &request.completion {
            (Some(completion.status), completion.marked_pending)
        } else {
            let irp = Object::own(address::pointer::<IRP>(address));
            let control = location(irp).get(field!(IO_STACK_LOCATION, Control));
            (None, control & PENDING_RETURNED != 0)
        }
    };
    ROUTINE.require(
        marked_pending == (returned == status::PENDING),
        "pending",
        format_args!(
            "the request was {}marked pending, and the routine returned {returned:#010x}",
            if marked_pending { "" } else { "not " }
        ),
    );
    if returned != status::PENDING {
        match completed {
            None => ROUTINE.violated(
                "completion",
                format_args!("returned {returned:#010x} without completing the request"),
            ),
            Some(status) => ROUTINE.require(
                status == returned,
                "status",
                format_args!("returned {returned:#010x}, completed with {status:#010x}"),
            ),
        }
    }
    idle::wait_until(|| {
        let mut active = ACTIVE.lock();
        active.get(&address)?.completion.as_ref()?;
        active.remove(&address)?.completion
    })
}

/// `IofCompleteRequest`: `<= DISPATCH_LEVEL`, once for each request.
pub(crate) extern "win64" fn complete_request(irp: *mut IRP, _boost: i8) {
    const ROUTINE: Routine = Routine("IofCompleteRequest");
    ROUTINE.irql_at_most(irql::DISPATCH_LEVEL);
    let address = irp.addr() as u64;
    let irp = Object::own(irp);
    let mut active = ACTIVE.lock();
    let request = active.get_mut(&address);
    let Some(request) = request.filter(|request| request.completion.is_none()) else {
        ROUTINE.violated(
            "once",
            format_args!("{address:#x} is no request that waits for its completion"),
        );
    };
    let status = irp
        .get(field!(IRP, IoStatus.Anonymous.Status))
        .cast_unsigned();
    ROUTINE.require(
        status != status::PENDING && status != u32::MAX,
        "status",
        format_args!("IoStatus.Status is {status:#010x}, which is no outcome"),
    );
    ROUTINE.require(
        irp.get(field!(IRP, CancelRoutine)).is_none(),
        "cancel-routine",
        format_args!("the request still has a cancel routine"),
    );
    let information = irp.get(field!(IRP, IoStatus.Information)) as u64;
    let room = request.parameters.output_length();
    let is_error = status::is_error(status);
    ROUTINE.require(
        is_error || information <= u64::from(room),
        "information",
        format_args!("IoStatus.Information is {information}, the output buffer holds {room}"),
    );
    let control = location(irp).get(field!(IO_STACK_LOCATION, Control));
    let information = if is_error { 0 } else { information };
    let output = request.buffers.output(address::to_usize(information));
    let rest_untouched = request.buffers.rest_untouched(output.len());
    let mut buffers = core::mem::take(&mut request.buffers);
    request.completion = Some(Completion {
        status,
        information,
        output,
        rest_untouched,
        marked_pending: control & PENDING_RETURNED != 0,
    });
    let waiting = request.processor;
    drop(active);
    // Code that still uses the request or its buffer now faults.
    buffers.free();
    pool::free_system(ROUTINE, address);
    if let Some(target) = processor::get(waiting) {
        apic::interrupt(target, Vector::Wake);
    }
}

/// What every major function does until the driver sets its own.
pub(crate) extern "win64" fn invalid_device_request(
    _device: *mut DEVICE_OBJECT,
    irp: *mut IRP,
) -> u32 {
    let irp = Object::own(irp);
    irp.set(
        field!(IRP, IoStatus.Anonymous.Status),
        status::INVALID_DEVICE_REQUEST.cast_signed(),
    );
    irp.set(field!(IRP, IoStatus.Information), 0);
    complete_request(irp.pointer(), 0);
    status::INVALID_DEVICE_REQUEST
}
