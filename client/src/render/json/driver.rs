//! The driver and its version.

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::{Driver, DriverVersion};

#[derive(Deserialize)]
struct Members {
    version: DriverVersion,
    protocol: u16,
}

impl Serialize for Driver {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Driver", 2)?;
        members.serialize_field("version", &self.version.to_string())?;
        members.serialize_field("protocol", &self.protocol)?;
        members.end()
    }
}

impl<'de> Deserialize<'de> for Driver {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members { version, protocol } = Members::deserialize(deserializer)?;
        Ok(Self { version, protocol })
    }
}

impl<'de> Deserialize<'de> for DriverVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The standard library would take a sign too.
        let is_plain = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let numbers = text.split('.').map(|part| part.parse().ok());
        let numbers: Option<Vec<u16>> = numbers.collect();
        match numbers.as_deref().filter(|_| is_plain) {
            Some(&[major, minor, patch]) => Ok([major, minor, patch].into()),
            _ => Err(de::Error::custom(format_args!(
                "`{}` is no version",
                text.escape_debug()
            ))),
        }
    }
}
