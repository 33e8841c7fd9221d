//! A snapshot in JSON: what `docs/snapshot.schema.json` describes.

mod lists;
mod machine;
mod numbers;
mod other;
mod pages;
mod processor;
mod state;

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use self::lists::{Object, at_most, some_object};
use self::machine::{ClientMembers, MachineMembers, is_false, some_members};
use self::other::{is_known, other_json, other_schema};
use self::processor::{ProcessorMembers, read_list};
use super::Hex;
use crate::model::field::redactable;
use crate::model::table::Table;
use crate::model::{
    Disagreement, Driver, Error, Field, FileError, KernelModule, ProcessorId, ProcessorSnapshot,
    SCHEMA, Snapshot, Timestamp, sort,
};

/// More processors than any system that the driver runs on can have: a longer list is hostile.
const MOST_PROCESSORS: usize = 16384;

/// More images than any kernel has loaded.
const MOST_MODULES: usize = 16384;

/// More names than there are fields.
const MOST_NAMES: usize = 64;

/// How much of a snapshot is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Detail {
    /// What VMSAVE stored, and what contradicts it.
    Brief,
    /// All of it: enough to read the snapshot back.
    Full,
}

/// Prints a snapshot.
pub(crate) fn print(snapshot: &Snapshot, detail: Detail) -> Result<String, Error> {
    let members = SnapshotMembers {
        schema: SCHEMA,
        driver: snapshot.driver,
        client: snapshot.client.clone().map(ClientMembers::of_version),
        machine: some_members(&snapshot.machine),
        taken_at: snapshot.taken_at,
        anonymous: snapshot.anonymous,
        moments: snapshot.moments,
        redacted: snapshot.redacted.iter().map(ToString::to_string).collect(),
        modules: match detail {
            Detail::Brief => Vec::new(),
            Detail::Full => snapshot.modules.iter().map(Into::into).collect(),
        },
        active_processors: snapshot.active_processors,
        processors: snapshot
            .processors
            .iter()
            .map(|processor| ProcessorMembers::new(snapshot, processor, detail))
            .collect(),
    };
    super::pretty(&members)
}

/// Reads a snapshot that was printed, in whichever detail.
pub(crate) fn parse(bytes: &[u8]) -> Result<Snapshot, FileError> {
    // What is known to be text is read faster than bytes, each string of which has to be looked at.
    let text = str::from_utf8(bytes).map_err(|error| no_unicode(bytes, error.valid_up_to()))?;
    match serde_json::from_str(text) {
        Ok(Object::<SnapshotMembers>(members)) if is_known(members.schema) => members.try_into(),
        outcome => Err(other_schema(text).unwrap_or_else(|| match outcome {
            Ok(Object(members)) => FileError::OtherSchema {
                found: members.schema,
            },
            Err(error) => other_json(text).unwrap_or(error.into()),
        })),
    }
}

/// The error for bytes that are no text, with their place.
fn no_unicode(bytes: &[u8], at: usize) -> FileError {
    let lines = bytes[..at].split(|byte| *byte == b'\n');
    let (line, column) = lines.fold((0, 0), |(number, _), line| (number + 1, line.len()));
    serde_json::Error::custom(format_args!(
        "invalid unicode code point at line {line} column {column}"
    ))
    .into()
}

#[derive(Deserialize, Serialize)]
struct SnapshotMembers {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Driver>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some_object"
    )]
    client: Option<ClientMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some_object"
    )]
    machine: Option<MachineMembers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_false")]
    anonymous: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    moments: bool,
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "at_most::<_, _, MOST_NAMES>"
    )]
    redacted: Vec<String>,
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "at_most::<_, _, MOST_MODULES>"
    )]
    modules: Vec<ModuleMembers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_processors: Option<u32>,
    #[serde(deserialize_with = "at_most::<_, _, MOST_PROCESSORS>")]
    processors: Vec<ProcessorMembers>,
}

#[derive(Deserialize, Serialize)]
struct ModuleMembers {
    name: String,
    base: Hex<u64>,
    size: Hex<u32>,
}

impl TryFrom<SnapshotMembers> for Snapshot {
    type Error = FileError;

    fn try_from(members: SnapshotMembers) -> Result<Self, FileError> {
        let redacted = members.redacted.into_iter().map(|name| {
            redactable()
                .find(|field| field.name() == name)
                .ok_or(FileError::NotRedactable(name))
        });
        let redacted: Vec<Field> = redacted.collect::<Result<_, _>>()?;
        let mut processors = Vec::with_capacity(members.processors.len());
        let mut listed = BTreeMap::new();
        for mut members in members.processors {
            let list = members.disagreements.take();
            let has_witness = members.witness.is_some();
            let processor = ProcessorSnapshot::try_from(members)?;
            if let Some(list) = list {
                let Ok(capture) = &processor.result else {
                    return Err(FileError::ValuesBesideError(processor.id));
                };
                let list = read_list(list, processor.id, capture, &redacted)?;
                let is_seen = |one: &Disagreement| capture.disagreements().any(|seen| seen == *one);
                // What follows from the values need not be kept beside them.
                if !has_witness || !list.iter().all(is_seen) {
                    listed.insert(processor.id.index, list);
                }
            }
            processors.push(processor);
        }
        if processors.is_empty() {
            return Err(FileError::NoProcessors);
        }
        sort::by_number(&mut processors, |processor| processor.id.index.into());
        if let Some(id) = ProcessorId::repeated(processors.iter().map(|processor| processor.id)) {
            return Err(FileError::Repeated(id));
        }
        let mut numbers = Table::new();
        let twice = processors
            .iter()
            .map(|processor| processor.id)
            .find(|id| numbers.insert((id.group, id.number), ()).is_some());
        if let Some(id) = twice {
            return Err(FileError::Repeated(id));
        }
        Ok(Self {
            driver: members.driver,
            client: members.client.map(ClientMembers::into_version),
            machine: members.machine.map(Into::into).unwrap_or_default(),
            taken_at: members.taken_at,
            anonymous: members.anonymous,
            moments: members.moments,
            redacted,
            modules: members.modules.into_iter().map(Into::into).collect(),
            active_processors: members.active_processors,
            processors,
            listed,
        })
    }
}

impl From<&KernelModule> for ModuleMembers {
    fn from(module: &KernelModule) -> Self {
        Self {
            name: module.name.clone(),
            base: Hex(module.base),
            size: Hex(module.size),
        }
    }
}

impl From<ModuleMembers> for KernelModule {
    fn from(members: ModuleMembers) -> Self {
        Self {
            name: members.name,
            base: members.base.0,
            size: members.size.0,
        }
    }
}
