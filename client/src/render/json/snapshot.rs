//! A snapshot in JSON: what `docs/snapshot.schema.json` describes.

mod lists;
mod machine;
mod pages;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use amd_svm::vmcb::VmsaveState;
use serde::{Deserialize, Serialize};

use self::lists::{Names, Object, at_most, object, some_at_most, some_object};
use self::machine::{ClientMembers, MachineMembers, is_false, some_members};
use self::pages::PagesMembers;
use self::state::{StateMembers, WitnessMembers};
use super::Hex;
use super::decoded::DecodedMembers;
use crate::model::field::redactable;
use crate::model::{
    Capture, CaptureDetails, Cycles, Disagreement, Driver, Error, Field, FileError, Guest,
    KernelModule, OLDEST_SCHEMA, Pages, ProcessorId, ProcessorSnapshot, SCHEMA, Snapshot,
    Timestamp, Unavailable, sort,
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
    match serde_json::from_slice(bytes) {
        Ok(Object::<SnapshotMembers>(members)) if is_known(members.schema) => members.try_into(),
        outcome => Err(other_schema(bytes).unwrap_or_else(|| match outcome {
            Ok(Object(members)) => FileError::OtherSchema {
                found: members.schema,
            },
            Err(error) => other_json(bytes).unwrap_or(error.into()),
        })),
    }
}

fn is_known(schema: u32) -> bool {
    (OLDEST_SCHEMA..=SCHEMA).contains(&schema)
}

/// A document of another age is told by its age, whatever else is new to this client.
fn other_schema(bytes: &[u8]) -> Option<FileError> {
    #[derive(Deserialize)]
    struct Age {
        schema: u32,
    }
    let Object(Age { schema: found }) = serde_json::from_slice(bytes).ok()?;
    (!is_known(found)).then_some(FileError::OtherSchema { found })
}

/// A document that is something else than a snapshot is told by what it has.
fn other_json(bytes: &[u8]) -> Option<FileError> {
    /// What other commands print, by a member that nothing else has.
    const OTHERS: [(&str, &str); 6] = [
        ("findings", "it is what `check --json` prints"),
        (
            "changes",
            "it is what `diff --json` or `watch --jsonl` prints",
        ),
        (
            "type",
            "it is a line that `watch --jsonl` or `check --jsonl` prints",
        ),
        ("cycles", "it is what `bench --json` prints"),
        ("driver", "it has no `processors`"),
        ("schema", "it has no `processors`"),
    ];
    const MOST: usize = 4;
    let Object(Names(names)) = serde_json::from_slice(bytes).ok()?;
    let has = |member: &str| names.iter().any(|name| name == member);
    if has("processors") {
        return (!has("schema")).then(|| FileError::OtherJson("it has no `schema`".to_owned()));
    }
    let known = OTHERS.iter().find(|(member, _)| has(member));
    Some(FileError::OtherJson(match known {
        Some((_, words)) => (*words).to_owned(),
        None if names.is_empty() => "it is an object without members".to_owned(),
        None => {
            let names = names.iter().take(MOST);
            let names: Vec<_> = names
                .map(|name| name.escape_default().to_string())
                .collect();
            format!(
                "it has no `schema` and no `processors`, but `{}`",
                names.join("`, `")
            )
        }
    }))
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

/// The members of a capture, or the one member `error` in their place.
#[derive(Deserialize, Serialize)]
struct ProcessorMembers {
    index: u32,
    group: u16,
    number: u8,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::present"
    )]
    tsc: Option<Hex<u64>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::present"
    )]
    efer_found: Option<Hex<u64>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::present"
    )]
    efer_left: Option<Hex<u64>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object"
    )]
    cycles: Option<CycleMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object"
    )]
    vmsave: Option<StateMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object"
    )]
    guest: Option<GuestMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object"
    )]
    pages: Option<PagesMembers>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    decoded: Option<DecodedMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "object"
    )]
    witness: Option<WitnessMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some_at_most"
    )]
    disagreements: Option<Vec<DisagreementMembers>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::present"
    )]
    witness_error: Option<Unavailable>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "super::present"
    )]
    error: Option<Unavailable>,
}

#[derive(Deserialize, Serialize)]
struct DisagreementMembers {
    field: String,
    vmsave: Hex<u64>,
    witness: Hex<u64>,
}

#[derive(Deserialize, Serialize)]
struct CycleMembers {
    /// Older clients called it a gate.
    #[serde(alias = "gate")]
    support_check: u32,
    vmsave: u32,
    restore: u32,
    witness: u32,
}

#[derive(Deserialize, Serialize)]
struct GuestMembers {
    cpl: u8,
    efer: Hex<u64>,
    cr0: Hex<u64>,
    cr4: Hex<u64>,
    encrypted: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    vmsa: bool,
}

impl ProcessorMembers {
    fn new(snapshot: &Snapshot, processor: &ProcessorSnapshot, detail: Detail) -> Self {
        let ProcessorId {
            index,
            group,
            number,
        } = processor.id;
        let capture = processor.result.as_ref().ok();
        let details = capture.and_then(|capture| capture.details);
        let witness = capture.and_then(|capture| capture.witness.as_ref());
        Self {
            index,
            group,
            number,
            tsc: details.map(|noted| Hex(noted.tsc)),
            efer_found: details.map(|noted| Hex(noted.efer_found.into())),
            efer_left: details.map(|noted| Hex(noted.efer_left.into())),
            cycles: details.and_then(|noted| noted.cycles).map(Into::into),
            vmsave: capture
                .filter(|capture| capture.tells_everything())
                .map(|capture| capture.vmsave.into()),
            guest: capture.and_then(|capture| capture.guest).map(Into::into),
            pages: capture
                .and_then(|capture| capture.pages.as_deref())
                .map(Into::into),
            decoded: capture.and_then(DecodedMembers::of),
            witness: witness
                .and_then(|witness| witness.as_ref().ok())
                .filter(|_| detail == Detail::Full)
                .map(|witness| (*witness).into()),
            disagreements: capture
                .and_then(|capture| snapshot.disagreements(processor.id, capture))
                .map(|all| all.into_iter().map(Into::into).collect()),
            witness_error: witness.and_then(|witness| witness.as_ref().err().cloned()),
            error: processor.result.as_ref().err().cloned(),
        }
    }
}

impl TryFrom<ProcessorMembers> for ProcessorSnapshot {
    type Error = FileError;

    fn try_from(members: ProcessorMembers) -> Result<Self, FileError> {
        const LARGEST_NUMBER: u8 = 63;
        let id = ProcessorId {
            index: members.index,
            group: members.group,
            number: members.number,
        };
        if id.number > LARGEST_NUMBER {
            return Err(FileError::NumberInGroup(id));
        }
        let details = match (members.tsc, members.efer_found, members.efer_left) {
            (Some(Hex(tsc)), Some(Hex(found)), Some(Hex(left))) => Some(CaptureDetails {
                tsc,
                efer_found: found.into(),
                efer_left: left.into(),
                cycles: members.cycles.map(Into::into),
            }),
            (None, None, None) if members.cycles.is_none() => None,
            _ => return Err(FileError::PartlyNoted(id)),
        };
        let witness = match (members.witness, members.witness_error) {
            (Some(_), Some(_)) => return Err(FileError::TwoWitnesses(id)),
            (None, Some(reason)) => Some(Err(reason)),
            (Some(witness), None) => Some(Ok(witness.into())),
            (None, None) => None,
        };
        let state = members.vmsave.map(Into::into);
        let guest = members.guest.map(Into::into);
        let pages: Option<Pages> = members.pages.map(TryInto::try_into).transpose()?;
        let result = match (state, pages, members.error) {
            (state, Some(pages), None) => {
                let capture = Capture {
                    details,
                    witness,
                    ..Capture::of_pages(pages)
                };
                let differs = |state: VmsaveState| state != capture.vmsave;
                if state.is_some_and(differs) || guest.is_some() && guest != capture.guest {
                    return Err(FileError::TwoStates(id));
                }
                Ok(capture)
            }
            (Some(vmsave), None, None) => Ok(Capture {
                details,
                vmsave,
                witness,
                guest,
                pages: None,
            }),
            (None, None, Some(reason))
                if details.is_none() && witness.is_none() && guest.is_none() =>
            {
                Err(reason)
            }
            (None, _, Some(_)) => return Err(FileError::ValuesBesideError(id)),
            _ => return Err(FileError::Ambiguous(id)),
        };
        Ok(Self { id, result })
    }
}

impl TryFrom<SnapshotMembers> for Snapshot {
    type Error = FileError;

    fn try_from(members: SnapshotMembers) -> Result<Self, FileError> {
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
                let list = read_list(list)?;
                let seen: Vec<Disagreement> = capture.disagreements().collect();
                // What follows from the values need not be kept beside them.
                if !has_witness || list.iter().any(|one| !seen.contains(one)) {
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
        let mut numbers = BTreeSet::new();
        let twice = processors
            .iter()
            .map(|processor| processor.id)
            .find(|id| !numbers.insert((id.group, id.number)));
        if let Some(id) = twice {
            return Err(FileError::Repeated(id));
        }
        let redacted = members.redacted.into_iter().map(|name| {
            redactable()
                .find(|field| field.name() == name)
                .ok_or(FileError::NotRedactable(name))
        });
        Ok(Self {
            driver: members.driver,
            client: members.client.map(ClientMembers::into_version),
            machine: members.machine.map(Into::into).unwrap_or_default(),
            taken_at: members.taken_at,
            anonymous: members.anonymous,
            redacted: redacted.collect::<Result<_, _>>()?,
            modules: members.modules.into_iter().map(Into::into).collect(),
            active_processors: members.active_processors,
            processors,
            listed,
        })
    }
}

fn read_list(list: Vec<DisagreementMembers>) -> Result<Vec<Disagreement>, FileError> {
    list.into_iter()
        .map(|one| {
            Ok(Disagreement {
                field: Field::all()
                    .find(|field| field.name() == one.field)
                    .ok_or(FileError::UnknownField(one.field))?,
                vmsave: one.vmsave.0,
                witness: one.witness.0,
            })
        })
        .collect()
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

impl From<Disagreement> for DisagreementMembers {
    fn from(one: Disagreement) -> Self {
        Self {
            field: one.field.name().to_owned(),
            vmsave: Hex(one.vmsave),
            witness: Hex(one.witness),
        }
    }
}

impl From<Cycles> for CycleMembers {
    fn from(cycles: Cycles) -> Self {
        Self {
            support_check: cycles.support_check,
            vmsave: cycles.vmsave,
            restore: cycles.restore,
            witness: cycles.witness,
        }
    }
}

impl From<CycleMembers> for Cycles {
    fn from(members: CycleMembers) -> Self {
        Self {
            support_check: members.support_check,
            vmsave: members.vmsave,
            restore: members.restore,
            witness: members.witness,
        }
    }
}

impl From<Guest> for GuestMembers {
    fn from(guest: Guest) -> Self {
        Self {
            cpl: guest.cpl,
            efer: Hex(guest.efer.into()),
            cr0: Hex(guest.cr0),
            cr4: Hex(guest.cr4),
            encrypted: guest.encrypted,
            vmsa: guest.vmsa,
        }
    }
}

impl From<GuestMembers> for Guest {
    fn from(members: GuestMembers) -> Self {
        Self {
            cpl: members.cpl,
            efer: members.efer.0.into(),
            cr0: members.cr0.0,
            cr4: members.cr4.0,
            encrypted: members.encrypted,
            vmsa: members.vmsa,
        }
    }
}
