//! The driver's service, by the service control manager.

#![expect(unsafe_code, reason = "the service functions take raw pointers")]

use std::ptr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_MARKED_FOR_DELETE,
    ERROR_SERVICE_NOT_ACTIVE,
};
use windows_sys::Win32::Storage::FileSystem::DELETE;
use windows_sys::Win32::System::Services::{
    ChangeServiceConfigW, CloseServiceHandle, ControlService, DeleteService, OpenSCManagerW,
    OpenServiceW, QUERY_SERVICE_CONFIGW, QueryServiceConfigW, QueryServiceStatus, SC_HANDLE,
    SC_MANAGER_CONNECT, SERVICE_CHANGE_CONFIG, SERVICE_CONTROL_STOP, SERVICE_NO_CHANGE,
    SERVICE_QUERY_CONFIG, SERVICE_QUERY_STATUS, SERVICE_RUNNING, SERVICE_START, SERVICE_STATUS,
    SERVICE_STOP, SERVICE_STOPPED, StartServiceW,
};
use windows_sys::w;

use super::processes;
use crate::setup::failure::Failure;
use crate::setup::machine::Service;

/// How long a driver may take to stop, or the system to delete its service, before it counts as held.
const STATE_LIMIT: Duration = Duration::from_secs(10);
/// How often is looked meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// The largest answer of `QueryServiceConfigW`, by its documentation.
const LARGEST_CONFIGURATION: u32 = 8 << 10;

/// What the service does.
pub(crate) fn state() -> Result<Service, Failure> {
    let Some(service) = open(SERVICE_QUERY_STATUS)? else {
        return Ok(Service::Absent);
    };
    Ok(match service.state()? {
        SERVICE_STOPPED if is_deleted() => Service::Deleting,
        SERVICE_STOPPED => Service::Stopped,
        SERVICE_RUNNING => Service::Running,
        _ => Service::Stopping,
    })
}

/// Whether the service was deleted, and a handle to it is open. Only an administrator gets to know.
///
/// No query tells it. A change of nothing does, and changes nothing.
fn is_deleted() -> bool {
    let Ok(Some(service)) = open(SERVICE_CHANGE_CONFIG) else {
        return false;
    };
    // SAFETY: the handle is open for this; each number stands for no change, as does each null.
    let changed = unsafe {
        ChangeServiceConfigW(
            service.0,
            SERVICE_NO_CHANGE,
            SERVICE_NO_CHANGE,
            SERVICE_NO_CHANGE,
            ptr::null(),
            ptr::null(),
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
        )
    };
    matches!(
        accept("ChangeServiceConfigW", changed, 0),
        Err(Failure::System {
            code: ERROR_SERVICE_MARKED_FOR_DELETE,
            ..
        })
    )
}

/// The file that the service runs, as it is noted; none if there is no service.
pub(crate) fn image_path() -> Result<Option<String>, Failure> {
    let Some(service) = open(SERVICE_QUERY_CONFIG)? else {
        return Ok(None);
    };
    // Numbers of eight bytes, since the answer begins with a structure of pointers.
    let mut buffer = vec![0_u64; LARGEST_CONFIGURATION as usize / 8];
    let configuration: *mut QUERY_SERVICE_CONFIGW = buffer.as_mut_ptr().cast();
    let mut needed = 0;
    // SAFETY: the handle is open for this, and the buffer has the length that is passed.
    let asked = unsafe {
        QueryServiceConfigW(
            service.0,
            configuration,
            LARGEST_CONFIGURATION,
            &raw mut needed,
        )
    };
    if asked == 0 {
        return Err(Failure::of_last_error("QueryServiceConfigW"));
    }
    // SAFETY: the function has filled in the structure at the beginning of the buffer, which is
    // aligned for it.
    let path = unsafe { (*configuration).lpBinaryPathName };
    let start = path.addr().wrapping_sub(buffer.as_ptr().addr());
    // The text lies in the buffer, behind the structure; read there, it needs no pointer.
    let units = buffer.iter().flat_map(|word| {
        let word = *word;
        [0, 16, 32, 48].map(|shift| (word >> shift & 0xFFFF) as u16)
    });
    let units: Vec<_> = units
        .skip(start / 2)
        .take_while(|unit| *unit != 0)
        .collect();
    Ok(Some(String::from_utf16_lossy(&units)))
}

/// Starts the driver; one that runs goes on.
pub(crate) fn start() -> Result<(), Failure> {
    let service = open(SERVICE_START)?.ok_or(Failure::NoService)?;
    // SAFETY: the handle is open for this, and no arguments are passed.
    let started = unsafe { StartServiceW(service.0, 0, ptr::null()) };
    accept("StartServiceW", started, ERROR_SERVICE_ALREADY_RUNNING)
}

/// Stops the driver, and waits until it is out of memory.
pub(crate) fn stop() -> Result<(), Failure> {
    let Some(service) = open(SERVICE_STOP | SERVICE_QUERY_STATUS)? else {
        return Ok(());
    };
    if service.state()? == SERVICE_RUNNING {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the handle is open for this, and the status is written to `status`.
        let stopped = unsafe { ControlService(service.0, SERVICE_CONTROL_STOP, &raw mut status) };
        accept("ControlService", stopped, ERROR_SERVICE_NOT_ACTIVE)?;
    }
    let begin = Instant::now();
    while service.state()? != SERVICE_STOPPED {
        if begin.elapsed() > STATE_LIMIT {
            return Err(Failure::Busy {
                holders: processes::other_clients(),
            });
        }
        sleep(PAUSE);
    }
    Ok(())
}

/// Deletes the service, and waits until it is gone.
pub(super) fn delete() -> Result<(), Failure> {
    {
        let Some(service) = open(DELETE)? else {
            return Ok(());
        };
        // SAFETY: the handle is open for this.
        let deleted = unsafe { DeleteService(service.0) };
        accept("DeleteService", deleted, ERROR_SERVICE_MARKED_FOR_DELETE)?;
    }
    let begin = Instant::now();
    while open(SERVICE_QUERY_STATUS)?.is_some() {
        if begin.elapsed() > STATE_LIMIT {
            return Err(Failure::MarkedForDeletion);
        }
        sleep(PAUSE);
    }
    Ok(())
}

/// The service, open for this; none if there is none.
fn open(access: u32) -> Result<Option<Handle>, Failure> {
    // SAFETY: null names stand for this machine and its active database.
    let manager = unsafe { OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_CONNECT) };
    let manager = Handle::of(manager, "OpenSCManagerW")?;
    // SAFETY: the handle is open, and the name is a constant that ends with a zero.
    let service = unsafe { OpenServiceW(manager.0, w!("svmsave"), access) };
    match Handle::of(service, "OpenServiceW") {
        Ok(service) => Ok(Some(service)),
        Err(Failure::System {
            code: ERROR_SERVICE_DOES_NOT_EXIST,
            ..
        }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// A function's result, where one error is as good as none.
fn accept(function: &'static str, result: i32, good: u32) -> Result<(), Failure> {
    if result != 0 {
        return Ok(());
    }
    match Failure::of_last_error(function) {
        Failure::System { code, .. } if code == good => Ok(()),
        failure => Err(failure),
    }
}

/// An open handle of the service control manager.
struct Handle(SC_HANDLE);

impl Handle {
    fn of(handle: SC_HANDLE, function: &'static str) -> Result<Self, Failure> {
        if handle.is_null() {
            Err(Failure::of_last_error(function))
        } else {
            Ok(Self(handle))
        }
    }

    fn state(&self) -> Result<u32, Failure> {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the handle is open for this, and the status is written to `status`.
        let asked = unsafe { QueryServiceStatus(self.0, &raw mut status) };
        accept("QueryServiceStatus", asked, 0)?;
        Ok(status.dwCurrentState)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and not used after this.
        unsafe { CloseServiceHandle(self.0) };
    }
}
