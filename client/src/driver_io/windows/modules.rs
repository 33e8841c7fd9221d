//! The images in the kernel's address space, as the system lists them.

use windows_sys::Wdk::System::SystemInformation::SYSTEM_INFORMATION_CLASS;

use super::system_information;
use crate::model::KernelModule;

/// `SystemModuleInformation`, which the system's headers leave out.
const SYSTEM_MODULE_INFORMATION: SYSTEM_INFORMATION_CLASS = 11;

/// The kernel itself first; nothing if the system does not tell.
pub(super) fn list() -> Vec<KernelModule> {
    let list = system_information::query(SYSTEM_MODULE_INFORMATION);
    list.map_or_else(|_| Vec::new(), |list| KernelModule::parse_list(&list))
}
