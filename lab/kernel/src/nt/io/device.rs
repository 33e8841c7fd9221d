//! Device objects.

#![expect(unsafe_code, reason = "device extensions are raw memory")]

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};

use lab_wire::{Device, Token};

use super::name::same_name;
use crate::base::address;
use crate::base::lock::Lock;
use crate::nt::pool::{self, Owner};
use crate::nt::rules::{Object, Routine};
use crate::nt::security::dacl::Dacl;
use crate::nt::structures::{
    DEVICE_OBJECT, DEVICE_OBJECT_SIZE, DRIVER_OBJECT, UNICODE_STRING, field,
};
use crate::nt::{irql, resources, rtl, status};

/// `DEVICE_OBJECT.Flags`.
pub(crate) mod flag {
    /// `DO_EXCLUSIVE`.
    pub(crate) const EXCLUSIVE: u32 = 0x8;
    /// `DO_DEVICE_HAS_NAME`.
    pub(crate) const HAS_NAME: u32 = 0x40;
    /// `DO_DEVICE_INITIALIZING`.
    pub(crate) const INITIALIZING: u32 = 0x80;
}

/// `FILE_DEVICE_SECURE_OPEN` of `DEVICE_OBJECT.Characteristics`.
const SECURE_OPEN: u32 = 0x100;

/// `IO_TYPE_DEVICE`.
const TYPE_DEVICE: i16 = 3;

/// Device extensions are at least this much aligned, as pool is.
const EXTENSION_ALIGNMENT: u64 = 16;

/// A device with what is known of it.
struct Entry {
    /// Address of the `DEVICE_OBJECT`.
    object: u64,
    name: String,
    references: u32,
    deleted: bool,
    /// Its driver is to be unloaded when it is not open any more.
    unload_pending: bool,
    /// Who may open it; without a list, as by default, every token may.
    dacl: Option<Dacl>,
}

static DEVICES: Lock<Vec<Entry>> = Lock::new(Vec::new());

/// Whether no device can be opened, because the driver is being unloaded.
static BARRED: AtomicBool = AtomicBool::new(false);

/// The structure at a device's address.
pub(crate) fn object(address: u64) -> Object<DEVICE_OBJECT> {
    Object::own(address::pointer(address))
}

/// All devices.
pub(crate) fn report() -> Vec<Device> {
    let devices = DEVICES.lock();
    let devices = devices.iter().map(|entry| Device {
        name: entry.name.clone(),
        references: entry.references,
        deleted: entry.deleted,
    });
    devices.collect()
}

/// The device with a name.
pub(crate) fn by_name(name: &str) -> Option<u64> {
    let devices = DEVICES.lock();
    let mut named = devices
        .iter()
        .filter(|entry| !entry.name.is_empty() && same_name(&entry.name, name));
    named.next().map(|entry| entry.object)
}

/// Bars all devices, or lifts the bar: until then no device can be opened.
pub(crate) fn bar(barred: bool) {
    let _devices = DEVICES.lock();
    BARRED.store(barred, Ordering::SeqCst);
}

/// Takes a reference for a new file object.
pub(crate) fn open(address: u64) -> Result<(), u32> {
    let mut devices = DEVICES.lock();
    let entry = devices.iter_mut().find(|entry| entry.object == address);
    let entry = entry.ok_or(status::NO_SUCH_DEVICE)?;
    let flags = object(address).get(field!(DEVICE_OBJECT, Flags));
    let unloading = BARRED.load(Ordering::SeqCst) || entry.unload_pending;
    if unloading || entry.deleted || flags & flag::INITIALIZING != 0 {
        return Err(status::NO_SUCH_DEVICE);
    }
    if flags & flag::EXCLUSIVE != 0 && entry.references > 0 {
        return Err(status::ACCESS_DENIED);
    }
    entry.references += 1;
    set_reference_count(entry);
    Ok(())
}

/// Whether an address is that of a device which has not been deleted.
pub(crate) fn exists(address: u64) -> bool {
    let devices = DEVICES.lock();
    devices
        .iter()
        .any(|entry| entry.object == address && !entry.deleted)
}

/// Does something with the entry of a device that is known to exist.
fn with_entry<R>(address: u64, f: impl FnOnce(&mut Entry) -> R) -> R {
    let mut devices = DEVICES.lock();
    let entry = devices.iter_mut().find(|entry| entry.object == address);
    f(entry.expect("a referenced device stays"))
}

/// Takes a reference for a handle of the kernel, to which devices are open always.
pub(crate) fn reference(address: u64) {
    with_entry(address, |entry| {
        entry.references += 1;
        set_reference_count(entry);
    });
}

/// Sets who may open a device.
pub(crate) fn set_dacl(address: u64, dacl: Option<Dacl>) {
    with_entry(address, |entry| entry.dacl = dacl);
}

/// Whether the I/O manager lets a token open a device, or a path behind it, for an
/// access. Paths are the driver's own business unless it says otherwise.
pub(crate) fn admits(address: u64, token: Token, desired: u32, has_path: bool) -> bool {
    let characteristics = object(address).get(field!(DEVICE_OBJECT, Characteristics));
    if has_path && characteristics & SECURE_OPEN == 0 {
        return true;
    }
    with_entry(address, |entry| {
        entry
            .dacl
            .as_ref()
            .is_none_or(|dacl| dacl.grants(token, desired))
    })
}

/// Refuses to open devices from now on, because the driver is to be unloaded. Tells whether it
/// can be unloaded now; otherwise [`close`] tells when.
pub(crate) fn begin_unload() -> bool {
    let mut devices = DEVICES.lock();
    for entry in devices.iter_mut() {
        entry.unload_pending = true;
    }
    devices.iter().all(|entry| entry.references == 0)
}

/// Gives a reference back; a deleted device goes with its last. Tells whether the driver
/// was waiting for that in order to be unloaded.
#[must_use]
pub(crate) fn close(address: u64) -> bool {
    let (gone, unload_is_due) = {
        let mut devices = DEVICES.lock();
        let position = devices.iter().position(|entry| entry.object == address);
        let position = position.expect("a referenced device stays");
        let entry = &mut devices[position];
        entry.references -= 1;
        set_reference_count(entry);
        let gone = entry.deleted && entry.references == 0;
        let gone = gone.then(|| devices.remove(position));
        let mut rest = devices.iter();
        let is_due =
            !devices.is_empty() && rest.all(|entry| entry.unload_pending && entry.references == 0);
        (gone, is_due)
    };
    if let Some(entry) = gone {
        free(Routine("IoDeleteDevice"), &entry);
    }
    unload_is_due
}

fn set_reference_count(entry: &Entry) {
    let count = i32::try_from(entry.references).expect("few handles");
    object(entry.object).set(field!(DEVICE_OBJECT, ReferenceCount), count);
}

fn free(routine: Routine, entry: &Entry) {
    let device = object(entry.object);
    let extension = device.get(field!(DEVICE_OBJECT, DeviceExtension));
    if !extension.is_null() {
        pool::free_system(routine, extension.addr() as u64);
    }
    pool::free_system(routine, entry.object);
}

/// Ends the initialisation of all devices, as happens when a driver's entry
/// point has succeeded.
pub(crate) fn finish_initializing() {
    for entry in DEVICES.lock().iter() {
        let device = object(entry.object);
        let flags = device.get(field!(DEVICE_OBJECT, Flags));
        device.set(field!(DEVICE_OBJECT, Flags), flags & !flag::INITIALIZING);
    }
}

/// Removes the devices of a driver that is gone.
pub(crate) fn clear() {
    let entries = core::mem::take(&mut *DEVICES.lock());
    for entry in &entries {
        free(Routine("IoDeleteDevice"), entry);
    }
}

/// `IoCreateDevice`: `<= APC_LEVEL`.
pub(crate) extern "win64" fn create_device(
    driver: *mut DRIVER_OBJECT,
    extension_size: u32,
    name: *const UNICODE_STRING,
    device_type: u32,
    characteristics: u32,
    exclusive: u8,
    result: *mut *mut DEVICE_OBJECT,
) -> u32 {
    const ROUTINE: Routine = Routine("IoCreateDevice");
    ROUTINE.irql_at_most(irql::APC_LEVEL);
    let driver = ROUTINE.object("DriverObject", driver);
    let result = ROUTINE.object("DeviceObject", result);
    let name = if name.is_null() {
        String::new()
    } else {
        rtl::text(ROUTINE, "DeviceName", name)
    };
    ROUTINE.require(
        name.is_empty() || name.starts_with('\\'),
        "name",
        format_args!("DeviceName {name:?}, the page demands a full path name"),
    );
    if by_name(&name).is_some() {
        return status::OBJECT_NAME_COLLISION;
    }
    let address = (!resources::are_exhausted()).then(|| allocate(extension_size));
    let Some(address) = address.flatten() else {
        return status::INSUFFICIENT_RESOURCES;
    };
    let device = object(address);
    let mut flags = flag::INITIALIZING;
    if exclusive != 0 {
        flags |= flag::EXCLUSIVE;
    }
    if !name.is_empty() {
        flags |= flag::HAS_NAME;
    }
    device.set(field!(DEVICE_OBJECT, DriverObject), driver.pointer());
    device.set(
        field!(DEVICE_OBJECT, NextDevice),
        driver.get(field!(DRIVER_OBJECT, DeviceObject)),
    );
    device.set(field!(DEVICE_OBJECT, Flags), flags);
    device.set(field!(DEVICE_OBJECT, Characteristics), characteristics);
    device.set(field!(DEVICE_OBJECT, DeviceType), device_type);
    driver.set(field!(DRIVER_OBJECT, DeviceObject), device.pointer());
    DEVICES.lock().push(Entry {
        object: address,
        name,
        references: 0,
        deleted: false,
        unload_pending: false,
        dacl: None,
    });
    result.write(device.pointer());
    status::SUCCESS
}

/// A device object with an extension, both zeroed.
fn allocate(extension_size: u32) -> Option<u64> {
    let size = DEVICE_OBJECT_SIZE as u64;
    let address = pool::allocate(Owner::System("device object"), size, 16, 0)?;
    let device = object(address);
    device.write(DEVICE_OBJECT::default());
    device.set(field!(DEVICE_OBJECT, Type), TYPE_DEVICE);
    device.set(field!(DEVICE_OBJECT, StackSize), 1);
    let whole = DEVICE_OBJECT_SIZE as u64 + u64::from(extension_size);
    device.set(
        field!(DEVICE_OBJECT, Size),
        u16::try_from(whole).unwrap_or(u16::MAX),
    );
    if extension_size == 0 {
        return Some(address);
    }
    let owner = Owner::System("device extension");
    let Some(extension) = pool::allocate(owner, extension_size.into(), EXTENSION_ALIGNMENT, 0)
    else {
        pool::free_system(Routine("IoCreateDevice"), address);
        return None;
    };
    let pointer = address::pointer::<u8>(extension);
    // SAFETY: the block was just allocated with this size.
    unsafe { pointer.write_bytes(0, extension_size as usize) };
    device.set(field!(DEVICE_OBJECT, DeviceExtension), pointer.cast());
    Some(address)
}

/// `IoDeleteDevice`: `<= APC_LEVEL`; a device that is open stays until closed.
pub(crate) extern "win64" fn delete_device(device: *mut DEVICE_OBJECT) {
    const ROUTINE: Routine = Routine("IoDeleteDevice");
    ROUTINE.irql_at_most(irql::APC_LEVEL);
    let address = device.addr() as u64;
    let gone = {
        let mut devices = DEVICES.lock();
        let position = devices
            .iter()
            .position(|entry| entry.object == address && !entry.deleted);
        let Some(position) = position else {
            ROUTINE.violated("device", format_args!("{address:#x} is no device object"));
        };
        unlink(address);
        let entry = &mut devices[position];
        entry.deleted = true;
        (entry.references == 0).then(|| devices.remove(position))
    };
    if let Some(entry) = gone {
        free(ROUTINE, &entry);
    }
}

/// Takes a device out of its driver's list.
fn unlink(address: u64) {
    let device = object(address);
    let next = device.get(field!(DEVICE_OBJECT, NextDevice));
    let driver = Object::own(device.get(field!(DEVICE_OBJECT, DriverObject)));
    let mut current = driver.get(field!(DRIVER_OBJECT, DeviceObject));
    if current.addr() as u64 == address {
        driver.set(field!(DRIVER_OBJECT, DeviceObject), next);
        return;
    }
    while !current.is_null() {
        let before = Object::own(current);
        current = before.get(field!(DEVICE_OBJECT, NextDevice));
        if current.addr() as u64 == address {
            before.set(field!(DEVICE_OBJECT, NextDevice), next);
            return;
        }
    }
}
