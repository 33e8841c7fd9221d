//! The processes that may have the driver's device open.

#![expect(unsafe_code, reason = "the snapshot functions take raw pointers")]

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::process;

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};

use crate::driver_io::windows::length_of;
use crate::setup::failure::Process;

/// The name that this program has in a package. No documented interface tells who holds a device; of
/// those who do, this is the one that is known.
const CLIENT: &str = "client.exe";

/// Other processes of this program; none if the system does not tell.
pub(super) fn other_clients() -> Vec<Process> {
    // SAFETY: the function takes no pointers.
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if snapshot == INVALID_HANDLE_VALUE {
        return Vec::new();
    }
    // SAFETY: the handle is open, and owned by nothing else.
    let snapshot = unsafe { OwnedHandle::from_raw_handle(snapshot) };
    let mut entry = PROCESSENTRY32W {
        dwSize: length_of::<PROCESSENTRY32W>(),
        ..PROCESSENTRY32W::default()
    };
    let mut clients = Vec::new();
    // SAFETY: the handle is one of a snapshot with processes, and the entry names its size.
    let mut more = unsafe { Process32FirstW(snapshot.as_raw_handle(), &raw mut entry) };
    while more != 0 {
        let name = entry.szExeFile;
        let length = name.iter().position(|unit| *unit == 0);
        let name = String::from_utf16_lossy(&name[..length.unwrap_or(name.len())]);
        let id = entry.th32ProcessID;
        if name.eq_ignore_ascii_case(CLIENT) && id != process::id() {
            clients.push(Process { name, id });
        }
        // SAFETY: the handle is one of a snapshot with processes, and the entry names its size.
        more = unsafe { Process32NextW(snapshot.as_raw_handle(), &raw mut entry) };
    }
    clients
}
