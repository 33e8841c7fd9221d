//! The driver: loaded, entered, unloaded.

#![expect(
    unsafe_code,
    reason = "entry and unload routines are called by address"
)]

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::call::call_driver;
use super::irp::{self, MAJOR_FUNCTIONS};
use super::{device, namespace, open_files};
use crate::base::address;
use crate::base::lock::Lock;
use crate::base::log::log;
use crate::image::loader::{self, Resolve};
use crate::image::mapped::Image;
use crate::nt::exception::tables::Tables;
use crate::nt::pool::{self, Owner};
use crate::nt::rules::{Object, Routine};
use crate::nt::structures::{DRIVER_EXTENSION, DRIVER_OBJECT, Field, UNICODE_STRING, field};
use crate::nt::{dispatcher, dpc, status};

/// `IO_TYPE_DRIVER`.
const TYPE_DRIVER: i16 = 4;

/// `DRIVER_INITIALIZE`.
type Initialize = unsafe extern "win64" fn(*mut DRIVER_OBJECT, *const UNICODE_STRING) -> u32;

/// `DRIVER_UNLOAD`.
type Unload = unsafe extern "win64" fn(*mut DRIVER_OBJECT);

const DRIVER_UNLOAD: Field<DRIVER_OBJECT, *const ()> =
    field!(DRIVER_OBJECT, DriverUnload).retyped();

/// A loaded driver.
struct Driver {
    image: Image,
    object: Object<DRIVER_OBJECT>,
    /// Blocks that go with it.
    blocks: Vec<u64>,
}

// SAFETY: the object is the lab's own, and stays as long as the driver.
unsafe impl Send for Driver {}

static DRIVER: Lock<Option<Driver>> = Lock::new(None);

/// How loading ended.
pub(crate) struct Loaded {
    /// What the entry point returned, or why it was not called.
    pub status: u32,
    /// Where the image was mapped, if it was.
    pub base: u64,
    /// Why the loader refused the file.
    pub refusal: String,
}

/// Loads the driver and calls its entry point. `resolve` finds the routines that it imports.
pub(crate) fn load(resolve: Resolve) -> Loaded {
    if DRIVER.lock().is_some() {
        return Loaded {
            status: status::IMAGE_ALREADY_LOADED,
            base: 0,
            refusal: "a driver is loaded already".to_string(),
        };
    }
    let image = match loader::load(resolve) {
        Ok(image) => image,
        Err(refusal) => {
            return Loaded {
                status: status::INVALID_IMAGE_FORMAT,
                base: 0,
                refusal,
            };
        }
    };
    let base = image.base;
    log!("{} mapped at {base:#x}", image.name);
    Tables::of(image.layout()).check();
    let driver = Driver::new(image);
    let status = driver.enter();
    if status::is_success(status) {
        device::finish_initializing();
        loader::discard_initialization(&driver.image);
        *DRIVER.lock() = Some(driver);
    } else {
        forbid_remains(status);
        driver.remove(Routine("DriverEntry"));
    }
    Loaded {
        status,
        base,
        refusal: String::new(),
    }
}

/// Ends the run if an entry point failed without taking its names back: Windows
/// would leave them pointing into memory where the driver was.
fn forbid_remains(status: u32) {
    let devices = device::report().len();
    let links = namespace::links().len();
    Routine("DriverEntry").require(
        devices == 0 && links == 0,
        "failure",
        format_args!("returned {status:#010x} and left {devices} devices and {links} links"),
    );
}

/// Calls the unload routine and takes the driver away, unless it is in use.
/// Returns a status, and what `report` makes of what the driver left.
pub(crate) fn unload<R>(report: impl FnOnce() -> R) -> (u32, R) {
    device::bar(true);
    let unloaded = if open_files::count() > 0 {
        (status::DEVICE_BUSY, report())
    } else {
        unload_closed(report)
    };
    device::bar(false);
    unloaded
}

/// Unloads a driver whose devices are closed, and cannot be opened any more.
pub(crate) fn unload_unused() -> u32 {
    let (status, ()) = unload_closed(|| ());
    status
}

fn unload_closed<R>(report: impl FnOnce() -> R) -> (u32, R) {
    const ROUTINE: Routine = Routine("DRIVER_UNLOAD");
    let Some(driver) = DRIVER.lock().take() else {
        return (status::OBJECT_NAME_NOT_FOUND, report());
    };
    let routine = driver.object.get(DRIVER_UNLOAD);
    if routine.is_null() {
        *DRIVER.lock() = Some(driver);
        return (status::INVALID_DEVICE_REQUEST, report());
    }
    let address = routine.addr() as u64;
    // SAFETY: the driver put its unload routine there.
    let routine = unsafe { core::mem::transmute::<*const (), Unload>(routine) };
    call_driver(ROUTINE, address, || {
        // SAFETY: the driver object is complete and live.
        unsafe { routine(driver.object.pointer()) };
    });
    let left = report();
    driver.remove(ROUTINE);
    (status::SUCCESS, left)
}

/// `NtUnloadDriver`: as [`unload`], or later, when the last file object goes.
pub(crate) fn request_unload() -> u32 {
    if DRIVER.lock().is_none() {
        return status::OBJECT_NAME_NOT_FOUND;
    }
    if device::begin_unload() {
        unload_unused()
    } else {
        status::SUCCESS
    }
}

/// What a handle that is gone gave back: the driver may have waited for it.
pub(crate) fn close_device(device: u64) {
    if device::close(device) {
        unload_unused();
    }
}

impl Driver {
    fn new(image: Image) -> Self {
        let mut blocks = Vec::new();
        let object = system_block::<DRIVER_OBJECT>("driver object", &mut blocks);
        let extension = system_block::<DRIVER_EXTENSION>("driver extension", &mut blocks);
        let service = image.name.trim_end_matches(".sys");
        object.set(field!(DRIVER_OBJECT, Type), TYPE_DRIVER);
        object.set(
            field!(DRIVER_OBJECT, Size),
            i16::try_from(size_of::<DRIVER_OBJECT>()).expect("small"),
        );
        object.set(
            field!(DRIVER_OBJECT, DriverStart),
            address::pointer(image.base),
        );
        object.set(
            field!(DRIVER_OBJECT, DriverSize),
            u32::try_from(image.size).expect("images are small"),
        );
        object.set(field!(DRIVER_OBJECT, DriverExtension), extension.pointer());
        let name = unicode(&[r"\Driver\", service].concat(), &mut blocks);
        object.set(field!(DRIVER_OBJECT, DriverName), name);
        object.set(
            field!(DRIVER_OBJECT, DriverInit).retyped(),
            address::pointer::<()>(image.entry).cast_const(),
        );
        object.set(
            MAJOR_FUNCTIONS,
            [irp::invalid_device_request as *const (); 28],
        );
        extension.set(field!(DRIVER_EXTENSION, DriverObject), object.pointer());
        let key = unicode(service, &mut blocks);
        extension.set(field!(DRIVER_EXTENSION, ServiceKeyName), key);
        Self {
            image,
            object,
            blocks,
        }
    }

    /// Calls the entry point. The registry path is gone once it returns.
    fn enter(&self) -> u32 {
        const SERVICES: &str = r"\REGISTRY\MACHINE\SYSTEM\ControlSet001\Services\";
        const ROUTINE: Routine = Routine("DriverEntry");
        let service = self.image.name.trim_end_matches(".sys");
        let mut blocks = Vec::new();
        let path = system_block::<UNICODE_STRING>("registry path", &mut blocks);
        path.write(unicode(&[SERVICES, service].concat(), &mut blocks));
        let entry = address::pointer::<()>(self.image.entry);
        // SAFETY: a driver's entry point has this type.
        let entry = unsafe { core::mem::transmute::<*mut (), Initialize>(entry) };
        let status = call_driver(ROUTINE, self.image.entry, || {
            // SAFETY: the driver object and the path are complete and live.
            unsafe { entry(self.object.pointer(), path.pointer()) }
        });
        for block in blocks {
            pool::free_system(ROUTINE, block);
        }
        status
    }

    /// Takes everything away. Nothing may still want to run in the image.
    fn remove(self, routine: Routine) {
        let end = self.image.base + self.image.size;
        dpc::forbid_queued_in(routine, self.image.base, end);
        dispatcher::forbid_waiters_in(routine, self.image.base, end);
        dpc::forbid_routines_in(routine, self.image.base, end);
        namespace::clear_links();
        device::clear();
        loader::unload(&self.image);
        for block in self.blocks {
            pool::free_system(routine, block);
        }
    }
}

/// A zeroed structure in a block of its own.
fn system_block<T: Default>(what: &'static str, blocks: &mut Vec<u64>) -> Object<T> {
    let size = size_of::<T>() as u64;
    let address = pool::allocate(Owner::System(what), size, 16, 0).expect("memory");
    blocks.push(address);
    let object = Object::own(address::pointer::<T>(address));
    object.write(T::default());
    object
}

/// A counted string whose characters have a block of their own.
fn unicode(text: &str, blocks: &mut Vec<u64>) -> UNICODE_STRING {
    let units: Vec<u16> = text.encode_utf16().collect();
    let bytes = size_of_val(units.as_slice());
    let owner = Owner::System("string");
    let address = pool::allocate(owner, bytes as u64, 16, 0).expect("memory");
    blocks.push(address);
    let buffer = address::pointer::<u16>(address);
    // SAFETY: the block was just allocated with this size.
    unsafe { buffer.copy_from_nonoverlapping(units.as_ptr(), units.len()) };
    let length = u16::try_from(bytes).expect("a short name");
    UNICODE_STRING {
        Length: length,
        MaximumLength: length,
        Buffer: buffer,
    }
}
