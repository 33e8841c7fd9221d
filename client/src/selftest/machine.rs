//! The system that the driver runs on: the questions that steps ask of it, and the few things that
//! they have it do, as a trait.

use serde::{Deserialize, Serialize};

use super::outcome::Stop;
use super::pool::Usage;
use crate::driver_io::Device;
use crate::model::DeviceError;

/// A system.
///
/// An answer that it does not give is [`Stop::NotDone`], with the reason; something that it was to
/// do and did not is [`Stop::Failed`].
pub(crate) trait Machine {
    /// What it is.
    fn system(&mut self) -> System;

    /// Opens the device in this way; the outer error is why that can't be tried here.
    fn open(&mut self, opener: Opener) -> Result<Result<Box<dyn Device>, DeviceError>, Stop>;

    /// What the system says of the signature of the installed driver.
    fn signature(&mut self) -> Result<Signature, Stop>;

    /// What is installed.
    fn installation(&mut self) -> Result<Installation, Stop>;

    /// Whether the driver's service runs; none if there is no service.
    fn is_running(&mut self) -> Result<Option<bool>, Stop>;

    /// Starts the service, or stops it and waits until the driver is out of memory.
    fn set_running(&mut self, running: bool) -> Result<(), Stop>;

    /// What `install` asks before it begins, each with the answer.
    fn questions(&mut self) -> Result<Vec<(&'static str, String)>, Stop>;

    /// How many processors there are, and how they are divided.
    fn topology(&mut self) -> Result<Topology, Stop>;

    /// Whether memory integrity is on, as code integrity says.
    fn has_memory_integrity(&mut self) -> Result<bool, Stop>;

    /// The node that a processor of a group belongs to.
    fn node(&mut self, group: u16, number: u8) -> Result<u16, Stop>;

    /// What Driver Verifier does now, not only from the next start.
    fn verifier(&mut self) -> Result<Verifier, Stop>;

    /// Pool that the driver's tag has now; none if the system lists no such tag.
    fn pool(&mut self) -> Result<Option<Usage>, Stop>;
}

/// A way to open the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opener {
    /// As every command of the client does.
    Client,
    /// For writing alone.
    WithoutRead,
    /// With a token that is neither SYSTEM's nor an administrator's.
    Restricted,
    /// With a token that has no privileges, as long as the device lives.
    WithoutPrivileges,
}

/// What a system is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Windows,
    Wine,
    /// Such as the lab.
    Other,
}

/// A system, with its version.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct System {
    pub(crate) kind: Kind,
    /// The build, if it has one as Windows has.
    pub(crate) build: Option<u32>,
}

/// The system's verdict on a signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Signature {
    /// `HRESULT`: 0 if it is trusted.
    pub(crate) code: u32,
    /// The catalog that lists the file; none if no installed catalog does.
    pub(crate) catalog: Option<String>,
    /// The digest of the file, in hexadecimal digits.
    pub(crate) digest: String,
}

/// What is installed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Installation {
    /// Whether there is a service.
    pub(crate) service: bool,
    /// Packages in the driver store, by the system's names.
    pub(crate) packages: Vec<String>,
    /// Whether the file that the service runs is there.
    pub(crate) image: bool,
    /// Whether anything is in the folder that `install` keeps its notes in.
    pub(crate) folder: bool,
    /// What `install` noted that it has to take back: certificates and stores, test signing.
    pub(crate) noted: Vec<String>,
}

/// Processors, by groups and nodes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Topology {
    pub(crate) groups: u32,
    /// Active processors in all groups.
    pub(crate) processors: u32,
    /// Nodes of memory.
    pub(crate) nodes: u32,
}

/// What Driver Verifier does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Verifier {
    /// Names of the loaded drivers that it checks.
    pub(crate) drivers: String,
    /// What it checks.
    pub(crate) flags: u32,
}
