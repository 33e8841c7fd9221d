//! The driver on Windows, and what the system tells beside it.

#![expect(unsafe_code, reason = "DeviceIoControl takes raw pointers")]

pub(crate) mod library;
mod machine;
mod modules;
mod privilege;
pub(crate) mod registry;
mod service;
pub(crate) mod system;
pub(crate) mod system_information;

use std::fs::{File, OpenOptions};
use std::os::windows::io::AsRawHandle;
use std::{io, ptr};

use amd_svm::cpuid::{LEAF_FEATURES, LEAF_VENDOR};
use amd_svm::intrinsics;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_INSUFFICIENT_BUFFER, ERROR_MORE_DATA,
    ERROR_PATH_NOT_FOUND, ERROR_REVISION_MISMATCH,
};
use windows_sys::Win32::System::IO::DeviceIoControl;

use super::Device;
use crate::model::{DeviceError, KernelModule, Machine, ProcessorModel, Timestamp};

/// A handle to the driver's device.
struct Handle(File);

/// Opens the device for reading, which is all that the control codes demand, with the privilege
/// enabled without which addresses are hidden.
pub(super) fn open() -> Result<Box<dyn Device>, DeviceError> {
    privilege::enable_debug_privilege();
    open_for_reading()
}

/// The same with the privileges that the caller has.
pub(crate) fn open_for_reading() -> Result<Box<dyn Device>, DeviceError> {
    open_with(OpenOptions::new().read(true))
}

/// Opens the device for writing alone, which no control code is content with.
pub(crate) fn open_for_writing() -> Result<Box<dyn Device>, DeviceError> {
    open_with(OpenOptions::new().write(true))
}

fn open_with(options: &OpenOptions) -> Result<Box<dyn Device>, DeviceError> {
    match options.open(protocol::USER_PATH) {
        Ok(file) => Ok(Box::new(Handle(file))),
        Err(error) => Err(match device_error(error, 0) {
            DeviceError::NotFound => service::why_absent(),
            other => other,
        }),
    }
}

impl Device for Handle {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        let input_length = u32::try_from(input.len()).map_err(other)?;
        let output_length = u32::try_from(output.len()).map_err(other)?;
        let mut returned = 0;
        // SAFETY: the handle is open while `self.0` lives. The pointers are those of slices with
        // these lengths, and of `returned`; all of them outlive the call, which completes before
        // it returns, because the file was opened without FILE_FLAG_OVERLAPPED.
        let done = unsafe {
            DeviceIoControl(
                self.0.as_raw_handle(),
                code,
                input.as_ptr().cast(),
                input_length,
                output.as_mut_ptr().cast(),
                output_length,
                &raw mut returned,
                ptr::null_mut(),
            )
        };
        // Taken at once: any other call may overwrite the thread's last error.
        let error = io::Error::last_os_error();
        let returned = usize::try_from(returned).map_err(other)?;
        if done == 0 {
            Err(device_error(error, returned))
        } else {
            Ok(returned)
        }
    }

    fn kernel_modules(&mut self) -> Vec<KernelModule> {
        modules::list()
    }

    fn machine(&mut self) -> Machine {
        machine::this()
    }

    fn clock(&mut self) -> Option<Timestamp> {
        Timestamp::now()
    }

    fn processor_that_resets_hosts(&self) -> Option<ProcessorModel> {
        let features = intrinsics::cpuid(LEAF_FEATURES, 0);
        let vendor = intrinsics::cpuid(LEAF_VENDOR, 0);
        ProcessorModel::that_resets_hosts(vendor, features)
    }
}

fn device_error(error: io::Error, returned: usize) -> DeviceError {
    match error.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND) => DeviceError::NotFound,
        Some(ERROR_ACCESS_DENIED) => DeviceError::AccessDenied,
        Some(ERROR_INSUFFICIENT_BUFFER | ERROR_MORE_DATA) => {
            DeviceError::BufferTooSmall { returned }
        }
        Some(ERROR_REVISION_MISMATCH) => DeviceError::RevisionMismatch,
        _ => other(error),
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> DeviceError {
    DeviceError::Other(error.into())
}

/// The size of a structure, as functions of Windows want to be told it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "no structure has four gigabytes"
)]
pub(crate) const fn length_of<T>() -> u32 {
    size_of::<T>() as u32
}

/// Text as functions of Windows take it, with the zero at its end.
pub(crate) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
