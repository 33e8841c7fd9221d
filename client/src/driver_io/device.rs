//! The way to the driver, as a trait: Windows is one implementation of it, an emulated machine or
//! a test another.

use crate::model::{DeviceError, KernelModule, Machine, ProcessorModel, Timestamp};

/// An open driver device.
pub trait Device {
    /// Sends a control code with its input, as `DeviceIoControl` does, and returns how many bytes
    /// of `output` the driver wrote.
    ///
    /// # Errors
    ///
    /// Why the driver, or the system on the way to it, did not carry out the request.
    fn control(&mut self, code: u32, input: &[u8], output: &mut [u8])
    -> Result<usize, DeviceError>;

    /// What the system on which the driver runs has loaded into its kernel's address space, the
    /// kernel itself first; nothing if it does not tell.
    fn kernel_modules(&mut self) -> Vec<KernelModule> {
        Vec::new()
    }

    /// What the system on which the driver runs tells of itself and its machine.
    fn machine(&mut self) -> Machine {
        Machine::default()
    }

    /// The time by the clock of the system on which the driver runs; none if it does not tell.
    fn clock(&mut self) -> Option<Timestamp> {
        None
    }

    /// The processor, if the driver runs in a virtual machine on one whose host VMSAVE is known to
    /// reset.
    fn processor_that_resets_hosts(&self) -> Option<ProcessorModel> {
        None
    }
}

/// Opens the driver's device on this system.
///
/// # Errors
///
/// [`DeviceError::NotFound`] if the driver is not running, [`DeviceError::AccessDenied`] if the
/// caller may not use it, [`DeviceError::NotWindows`] everywhere but on Windows.
pub fn open() -> Result<Box<dyn Device>, DeviceError> {
    #[cfg(windows)]
    return super::windows::open();
    #[cfg(not(windows))]
    Err(DeviceError::NotWindows)
}
