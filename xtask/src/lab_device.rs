//! The lab's driver as a device of the client: what `CreateFile` and `DeviceIoControl` are on
//! Windows.

use client::{Device, DeviceError};
use lab::{Access, Handle, Lab};

/// An open handle to the driver in a lab.
pub struct LabDevice<'lab> {
    lab: &'lab mut Lab,
    handle: Handle,
}

impl<'lab> LabDevice<'lab> {
    /// Opens the driver's device, as the client does on Windows.
    ///
    /// # Errors
    ///
    /// If the driver refuses it, or the lab has ended.
    pub fn open(lab: &'lab mut Lab) -> Result<Self, DeviceError> {
        let handle = lab
            .open(protocol::USER_PATH, Access::READ)
            .map_err(refusal)?;
        Ok(Self { lab, handle })
    }
}

impl Device for LabDevice<'_> {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        let length =
            u32::try_from(output.len()).map_err(|error| DeviceError::Other(error.into()))?;
        let reply = self
            .lab
            .ioctl(self.handle, code, input, length)
            .map_err(refusal)?;
        for (to, from) in output.iter_mut().zip(&reply.output) {
            *to = *from;
        }
        let returned =
            usize::try_from(reply.information).map_err(|error| DeviceError::Other(error.into()))?;
        match reply.status {
            0 => Ok(returned),
            status => Err(DeviceError::from_ntstatus(status, returned)),
        }
    }
}

fn refusal(error: lab::Error) -> DeviceError {
    match error {
        lab::Error::Status { status, .. } => DeviceError::from_ntstatus(status, 0),
        other => DeviceError::Other(other.into()),
    }
}
