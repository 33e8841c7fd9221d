//! The lab's driver as a device of the client: what `CreateFile` and `DeviceIoControl` are on
//! Windows.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use client::{Device, DeviceError, KernelModule, Machine, Status, Timestamp};
use lab::mapped_image::MappedImage;
use lab::{Access, Config, Handle, Lab};
use object::{Object as _, ObjectSegment as _};

/// An open handle to the driver in a lab.
pub struct LabDevice<'lab> {
    lab: &'lab mut Lab,
    handle: Handle,
    modules: Vec<KernelModule>,
}

/// Boots a lab and loads the driver; returns what is then in the kernel's address space, too.
///
/// # Errors
///
/// If the lab does not boot, the driver does not load, or a file cannot be read.
pub fn boot(config: &Config, kernel: &Path, driver: &Path) -> Result<(Lab, Vec<KernelModule>)> {
    let mut lab = Lab::boot(config, kernel, driver)?;
    let base = lab.load()?;
    Ok((lab, modules(kernel, driver, base)?))
}

/// What a lab has in its kernel's address space: the lab's own kernel in ntoskrnl's place, and the
/// driver, which was loaded at `base`.
fn modules(kernel: &Path, driver: &Path, base: u64) -> Result<Vec<KernelModule>> {
    const UPPER_HALF: u64 = 1 << 63;
    const PAGE: u64 = 0x1000;
    let bytes = fs::read(kernel)?;
    let image = object::File::parse(&*bytes)?;
    let loaded = || {
        let segments = image.segments();
        let ranges = segments.map(|segment| (segment.address(), segment.size()));
        ranges.filter(|(address, _)| *address >= UPPER_HALF)
    };
    let first = loaded().map(|(address, _)| address / PAGE * PAGE).min();
    let end = loaded().map(|(address, size)| address + size).max();
    let (first, end) = first.zip(end).context("the lab's kernel has no segments")?;
    let driver_name = driver.file_name().context("the driver has no name")?;
    Ok(vec![
        KernelModule {
            name: "ntoskrnl.exe".to_owned(),
            base: first,
            size: u32::try_from((end - first).next_multiple_of(PAGE))?,
        },
        KernelModule {
            name: driver_name.to_string_lossy().into_owned(),
            base,
            size: u32::try_from(MappedImage::read(driver)?.size())?,
        },
    ])
}

impl<'lab> LabDevice<'lab> {
    /// Opens the driver's device, as the client does on Windows.
    ///
    /// # Errors
    ///
    /// If the driver refuses it, or the lab has ended.
    pub fn open(lab: &'lab mut Lab, modules: &[KernelModule]) -> Result<Self, DeviceError> {
        let handle = lab
            .open(protocol::USER_PATH, Access::READ)
            .map_err(refusal)?;
        Ok(Self {
            lab,
            handle,
            modules: modules.to_owned(),
        })
    }
}

impl Drop for LabDevice<'_> {
    /// Closes the handle, without which the driver is not unloaded. A lab that has ended has none.
    fn drop(&mut self) {
        let _ = self.lab.close(self.handle);
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

    fn kernel_modules(&mut self) -> Vec<KernelModule> {
        self.modules.clone()
    }

    /// The lab's machine has no name, and no system but the lab's kernel.
    fn machine(&mut self) -> Machine {
        let status = Status::query(self).ok();
        let mut machine = Machine::default();
        machine.os = Some("svmsave lab".to_owned());
        machine.os_build = Some(env!("CARGO_PKG_VERSION").to_owned());
        machine.hypervisor = status.and_then(|status| status.hypervisor().map(str::to_owned));
        machine
    }

    fn clock(&mut self) -> Option<Timestamp> {
        Timestamp::now()
    }
}

fn refusal(error: lab::Error) -> DeviceError {
    match error {
        lab::Error::Status { status, .. } => DeviceError::from_ntstatus(status, 0),
        other => DeviceError::Other(other.into()),
    }
}
