//! A driver inside the lab, to send requests to without loading one.

#![expect(
    unsafe_code,
    reason = "drivers make and get structures as raw pointers"
)]

use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, DRIVER_OBJECT, IRP};
use windows_sys::Win32::Foundation::UNICODE_STRING;

use crate::base::address;
use crate::nt::io::irp::{self, Dispatch, MAJOR_FUNCTIONS};
use crate::nt::io::{device, major, namespace};
use crate::nt::pool::{self, Owner};
use crate::nt::rules::Routine;
use crate::nt::{rtl, status};

/// Win32 path of the device.
pub(super) const PATH: &str = r"\\.\LabTest";

/// Name of the device.
pub(super) const OBJECT_NAME: &str = r"\Device\LabTest";

/// Where the I/O manager keeps its names; Windows' names are wide.
const DEVICE_NAME: [u16; 16] = wide(br"\Device\LabTest");
const LINK_NAME: [u16; 12] = wide(br"\??\LabTest");

const FILE_DEVICE_UNKNOWN: u32 = 0x22;

/// Address of the driver object.
static DRIVER: AtomicU64 = AtomicU64::new(0);

const fn wide<const FROM: usize, const TO: usize>(text: &[u8; FROM]) -> [u16; TO] {
    assert!(TO == FROM + 1, "room for the terminator and nothing else");
    let mut units = [0; TO];
    let mut index = 0;
    while index < FROM {
        units[index] = text[index] as u16;
        index += 1;
    }
    units
}

fn string(units: &'static [u16]) -> UNICODE_STRING {
    let mut string = UNICODE_STRING::default();
    rtl::init_unicode_string(&raw mut string, units.as_ptr());
    string
}

/// Makes a driver whose device leaves opening to `create` and control codes to `control`, and
/// completes everything else with success.
pub(super) fn install(create: Dispatch, control: Dispatch) {
    let size = size_of::<DRIVER_OBJECT>() as u64;
    let driver = pool::allocate(Owner::System("driver object"), size, 16, 0).expect("memory");
    DRIVER.store(driver, Ordering::Relaxed);
    let driver = address::pointer::<DRIVER_OBJECT>(driver);
    // SAFETY: the block was just allocated with this size.
    unsafe { driver.write(DRIVER_OBJECT::default()) };
    let mut routines = [succeed as *const (); 28];
    routines[usize::from(major::CREATE)] = create as *const ();
    routines[usize::from(major::DEVICE_CONTROL)] = control as *const ();
    // SAFETY: the block was just allocated, and holds a driver object.
    unsafe { MAJOR_FUNCTIONS.of(driver).write(routines) };

    let name = string(const { &DEVICE_NAME });
    let link = string(const { &LINK_NAME });
    let kind = FILE_DEVICE_UNKNOWN;
    let mut device = ptr::null_mut();
    device::create_device(driver, 0, &raw const name, kind, 0, 0, &raw mut device);
    namespace::create_symbolic_link(&raw const link, &raw const name);
    device::finish_initializing();
}

/// Takes everything away again.
pub(super) fn remove() {
    namespace::clear_links();
    device::clear();
    pool::free_system(Routine("DRIVER_UNLOAD"), DRIVER.load(Ordering::Relaxed));
}

/// Completes a request; returns the status, as a dispatch routine would.
pub(super) fn complete(irp: *mut IRP, status: u32, information: usize) -> u32 {
    // SAFETY: the request is the one that the dispatch routine was called with.
    let request = unsafe { &mut *irp };
    request.IoStatus.Anonymous.Status = status.cast_signed();
    request.IoStatus.Information = information;
    irp::complete_request(irp, 0);
    status
}

/// A dispatch routine that completes every request with success.
pub(super) unsafe extern "win64" fn succeed(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> u32 {
    complete(irp, status::SUCCESS, 0)
}
