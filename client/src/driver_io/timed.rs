//! A device whose requests are timed.

use std::time::{Duration, Instant};

use super::Device;
use crate::model::DeviceError;

/// A device whose requests are timed, and that does not ask the system for anything else.
pub(crate) struct Timed<'d, 'device> {
    device: &'d mut (dyn Device + 'device),
    latest: Duration,
}

impl<'d, 'device> Timed<'d, 'device> {
    pub(crate) fn new(device: &'d mut (dyn Device + 'device)) -> Self {
        Self {
            device,
            latest: Duration::ZERO,
        }
    }

    /// What the latest request took: the one whose buffer was large enough.
    pub(crate) fn latest(&self) -> Duration {
        self.latest
    }
}

impl Device for Timed<'_, '_> {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        let begun = Instant::now();
        let outcome = self.device.control(code, input, output);
        self.latest = begun.elapsed();
        outcome
    }
}
