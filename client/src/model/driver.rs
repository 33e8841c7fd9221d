//! Which driver answered.

use std::fmt;

use protocol::ReplyHeader;
use serde::{Deserialize, Deserializer, Serialize, de};
use zerocopy::FromBytes;

use crate::render::json;

/// The driver behind a reply.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Driver {
    /// Version of the driver itself.
    #[serde(serialize_with = "json::text")]
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
        let ([protocol, version @ ..], _) = <[u16; 4]>::read_from_prefix(reply).ok()?;
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

impl<'de> Deserialize<'de> for DriverVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let numbers: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok([major, minor, patch].into()),
            _ => Err(de::Error::custom(format_args!(
                "`{}` is no version",
                text.escape_debug()
            ))),
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
