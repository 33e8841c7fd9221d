//! The way to the driver, as a trait: Windows is one implementation of it, an emulated machine or
//! a test another.

use crate::KernelModule;

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
}

/// Why a device was not opened or did not carry out a request.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no such device: the driver is not running.
    #[error("the driver is not running")]
    NotFound,
    /// The system has no such driver.
    #[error("the driver is not installed")]
    NotInstalled,
    /// The driver is installed, and not running.
    #[error("the driver is not started")]
    NotStarted,
    /// This is not Windows: there is nowhere for the driver to run.
    #[error("the driver runs on Windows")]
    NotWindows,
    /// The caller may not use the device.
    #[error("access to the driver was denied")]
    AccessDenied,
    /// The reply did not fit into the output.
    #[error("the buffer is too small for the driver's reply")]
    BufferTooSmall {
        /// Bytes of the output that were written nevertheless: enough for a
        /// [`ReplyHeader`](protocol::ReplyHeader), which says what is needed, or none.
        returned: usize,
    },
    /// The driver does not speak this version of the protocol.
    #[error("the driver does not speak protocol version {}", protocol::VERSION)]
    RevisionMismatch,
    /// The driver answered with another status.
    #[error("the driver answered with status 0x{0:08X}")]
    NtStatus(u32),
    /// The system reported another error.
    #[error(transparent)]
    Other(#[from] Box<dyn std::error::Error + Send + Sync>),
}

impl DeviceError {
    /// The error that a request ended with, from a status that is not a success and the number of
    /// bytes that came back in spite of it.
    #[must_use]
    pub fn from_ntstatus(status: u32, returned: usize) -> Self {
        const STATUS_BUFFER_OVERFLOW: u32 = 0x8000_0005;
        const STATUS_ACCESS_DENIED: u32 = 0xC000_0022;
        const STATUS_BUFFER_TOO_SMALL: u32 = 0xC000_0023;
        const STATUS_OBJECT_NAME_NOT_FOUND: u32 = 0xC000_0034;
        const STATUS_REVISION_MISMATCH: u32 = 0xC000_0059;
        match status {
            STATUS_BUFFER_OVERFLOW | STATUS_BUFFER_TOO_SMALL => Self::BufferTooSmall { returned },
            STATUS_ACCESS_DENIED => Self::AccessDenied,
            STATUS_OBJECT_NAME_NOT_FOUND => Self::NotFound,
            STATUS_REVISION_MISMATCH => Self::RevisionMismatch,
            _ => Self::NtStatus(status),
        }
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
    return crate::windows::open();
    #[cfg(not(windows))]
    Err(DeviceError::NotWindows)
}
