//! Which driver answered.

use std::fmt;

use protocol::ReplyHeader;

/// The driver behind a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Driver {
    /// Version of the driver itself.
    pub version: DriverVersion,
    /// Version of the [`protocol`] that it speaks.
    pub protocol: u16,
}

/// Version of a driver.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DriverVersion {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number.
    pub patch: u16,
}

impl Driver {
    /// Reads the start of a reply of any version: the fields that never change.
    pub(crate) fn of_any_reply(reply: &[u8]) -> Option<Self> {
        let start = reply.get(..size_of::<[u16; 4]>())?;
        let [protocol, version @ ..]: [u16; 4] = bytemuck::pod_read_unaligned(start);
        Some(Self {
            version: version.into(),
            protocol,
        })
    }
}

impl From<&ReplyHeader> for Driver {
    fn from(header: &ReplyHeader) -> Self {
        Self {
            version: header.driver_version.into(),
            protocol: header.version,
        }
    }
}

impl From<[u16; 3]> for DriverVersion {
    fn from([major, minor, patch]: [u16; 3]) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, protocol } = self;
        write!(f, "svmsave {version}, protocol {protocol}")
    }
}
