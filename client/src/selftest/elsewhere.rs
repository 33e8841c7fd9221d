//! Every system but Windows: whatever runs the driver there, it is asked through the device alone.

use super::machine::{Installation, Kind, Machine, Opener, Signature, System, Topology, Verifier};
use super::outcome::Stop;
use super::pool::Usage;
use crate::driver_io::Device;
use crate::model::DeviceError;

/// A system that is not Windows.
pub(super) struct NotWindows;

impl NotWindows {
    fn only_windows<T>() -> Result<T, Stop> {
        Err(Stop::not_done("only Windows can be asked"))
    }
}

impl Machine for NotWindows {
    fn system(&mut self) -> System {
        System {
            kind: Kind::Other,
            build: None,
        }
    }

    fn open(&mut self, _: Opener) -> Result<Result<Box<dyn Device>, DeviceError>, Stop> {
        Self::only_windows()
    }

    fn signature(&mut self) -> Result<Signature, Stop> {
        Self::only_windows()
    }

    fn installation(&mut self) -> Result<Installation, Stop> {
        Self::only_windows()
    }

    fn is_running(&mut self) -> Result<Option<bool>, Stop> {
        Self::only_windows()
    }

    fn set_running(&mut self, _: bool) -> Result<(), Stop> {
        Self::only_windows()
    }

    fn questions(&mut self) -> Result<Vec<(&'static str, String)>, Stop> {
        Self::only_windows()
    }

    fn topology(&mut self) -> Result<Topology, Stop> {
        Self::only_windows()
    }

    fn has_memory_integrity(&mut self) -> Result<bool, Stop> {
        Self::only_windows()
    }

    fn node(&mut self, _: u16, _: u8) -> Result<u16, Stop> {
        Self::only_windows()
    }

    fn verifier(&mut self) -> Result<Verifier, Stop> {
        Self::only_windows()
    }

    fn pool(&mut self) -> Result<Option<Usage>, Stop> {
        Self::only_windows()
    }
}
