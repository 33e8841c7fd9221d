//! Whose snapshot it is, when it was taken, and by which client.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Hex;
use super::lists::some_object;
use crate::model::{Machine, ProcessorIdentity, Timestamp};

/// More characters than any name has that a system gives itself.
const LONGEST: usize = 256;

#[derive(Deserialize, Serialize)]
pub(super) struct ClientMembers {
    version: Text,
}

#[derive(Default, Deserialize, PartialEq, Serialize)]
pub(super) struct MachineMembers {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os_build: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    booted_at: Option<Timestamp>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some_object"
    )]
    processor: Option<IdentityMembers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hypervisor: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secure_boot: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_signing: Option<bool>,
}

#[derive(Default, Deserialize, PartialEq, Serialize)]
struct IdentityMembers {
    #[serde(skip_serializing_if = "Option::is_none")]
    brand: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stepping: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    microcode: Option<Hex<u32>>,
}

/// A text of bounded length.
#[derive(PartialEq, Serialize)]
struct Text(String);

impl ClientMembers {
    pub(super) fn of_version(version: String) -> Self {
        Self {
            version: Text(version),
        }
    }

    pub(super) fn into_version(self) -> String {
        self.version.0
    }
}

/// What is known of a machine; none if nothing is.
pub(super) fn some_members(machine: &Machine) -> Option<MachineMembers> {
    some(machine.into())
}

fn some<T: Default + PartialEq>(members: T) -> Option<T> {
    (members != T::default()).then_some(members)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands members over by reference"
)]
pub(super) fn is_false(member: &bool) -> bool {
    !member
}

impl From<&Machine> for MachineMembers {
    fn from(machine: &Machine) -> Self {
        let text = |text: &Option<String>| text.clone().map(Text);
        let processor = &machine.processor;
        Self {
            host: text(&machine.host),
            os: text(&machine.os),
            os_build: text(&machine.os_build),
            booted_at: machine.booted_at,
            processor: some(IdentityMembers {
                brand: text(&processor.brand),
                family: processor.family,
                model: processor.model,
                stepping: processor.stepping,
                microcode: processor.microcode.map(Hex),
            }),
            hypervisor: text(&machine.hypervisor),
            secure_boot: machine.secure_boot,
            test_signing: machine.test_signing,
        }
    }
}

impl From<MachineMembers> for Machine {
    fn from(members: MachineMembers) -> Self {
        let text = |text: Option<Text>| text.map(|text| text.0);
        let processor = members.processor.unwrap_or_default();
        Self {
            host: text(members.host),
            os: text(members.os),
            os_build: text(members.os_build),
            booted_at: members.booted_at,
            processor: ProcessorIdentity {
                brand: text(processor.brand),
                family: processor.family,
                model: processor.model,
                stepping: processor.stepping,
                microcode: processor.microcode.map(|Hex(revision)| revision),
            },
            hypervisor: text(members.hypervisor),
            secure_boot: members.secure_boot,
            test_signing: members.test_signing,
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.chars().take(LONGEST + 1).count() > LONGEST {
            return Err(de::Error::custom(format_args!(
                "a name of more than {LONGEST} characters, which no system gives itself"
            )));
        }
        Ok(Self(text))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TimestampVisitor)
    }
}

struct TimestampVisitor;

impl de::Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in UTC from 1970 to 9999, such as \"2026-01-31T08:15:30Z\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        const LONGEST: usize = 40;
        let told: String = text.chars().take(LONGEST).collect();
        text.parse()
            .map_err(|_| E::invalid_value(de::Unexpected::Str(&told), &self))
    }
}
