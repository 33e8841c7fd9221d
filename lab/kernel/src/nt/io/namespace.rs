//! Symbolic links, and what a Win32 path names.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use lab_wire::SymbolicLink;

use super::device;
use super::name::{WIN32_DIRECTORY, canonical_link, same_name, split_component};
use crate::base::lock::Lock;
use crate::nt::rules::Routine;
use crate::nt::structures::UNICODE_STRING;
use crate::nt::{irql, resources, rtl, status};

/// Prefix of Win32 paths that name devices.
const WIN32_PREFIX: &str = r"\\.\";

static LINKS: Lock<Vec<SymbolicLink>> = Lock::new(Vec::new());

/// All symbolic links.
pub(crate) fn links() -> Vec<SymbolicLink> {
    LINKS.lock().clone()
}

/// Forgets all symbolic links, those of a driver that is gone.
pub(crate) fn clear_links() {
    LINKS.lock().clear();
}

/// A device and what of the path is left for it.
pub(crate) struct Target {
    /// Address of the device object.
    pub device: u64,
    /// The part of the path behind the device's name.
    pub rest: String,
}

/// Finds what a Win32 path names.
pub(crate) fn resolve(path: &str) -> Result<Target, u32> {
    let name = path
        .strip_prefix(WIN32_PREFIX)
        .ok_or(status::OBJECT_NAME_INVALID)?;
    let (first, rest) = split_component(name);
    let link = [WIN32_DIRECTORY, first].concat();
    let target = LINKS
        .lock()
        .iter()
        .find(|known| same_name(&known.name, &link))
        .map(|known| known.target.clone())
        .ok_or(status::OBJECT_NAME_NOT_FOUND)?;
    let device = device::by_name(&target).ok_or(status::OBJECT_NAME_NOT_FOUND)?;
    Ok(Target {
        device,
        rest: rest.to_string(),
    })
}

/// `IoCreateSymbolicLink`: `PASSIVE_LEVEL`.
pub(crate) extern "win64" fn create_symbolic_link(
    name: *const UNICODE_STRING,
    target: *const UNICODE_STRING,
) -> u32 {
    const ROUTINE: Routine = Routine("IoCreateSymbolicLink");
    ROUTINE.irql_at_most(irql::PASSIVE_LEVEL);
    let name = rtl::text(ROUTINE, "SymbolicLinkName", name);
    let target = rtl::text(ROUTINE, "DeviceName", target);
    let Some(name) = canonical_link(&name) else {
        return status::OBJECT_NAME_INVALID;
    };
    let mut links = LINKS.lock();
    if links.iter().any(|link| same_name(&link.name, &name)) {
        return status::OBJECT_NAME_COLLISION;
    }
    if resources::are_exhausted() {
        return status::INSUFFICIENT_RESOURCES;
    }
    links.push(SymbolicLink { name, target });
    status::SUCCESS
}

/// `IoDeleteSymbolicLink`: `PASSIVE_LEVEL`.
pub(crate) extern "win64" fn delete_symbolic_link(name: *const UNICODE_STRING) -> u32 {
    const ROUTINE: Routine = Routine("IoDeleteSymbolicLink");
    ROUTINE.irql_at_most(irql::PASSIVE_LEVEL);
    let name = rtl::text(ROUTINE, "SymbolicLinkName", name);
    let name = canonical_link(&name).unwrap_or(name);
    let mut links = LINKS.lock();
    let Some(position) = links.iter().position(|link| same_name(&link.name, &name)) else {
        return status::OBJECT_NAME_NOT_FOUND;
    };
    links.remove(position);
    status::SUCCESS
}
