//! A snapshot in JSON: what `docs/snapshot.schema.json` describes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    marker::PhantomData,
};

use amd_svm::{
    segment::Segment,
    vmcb::{SystemCallRegisters, VmsaveState},
    witness::Witness,
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess},
};

use super::Hex;
use crate::model::{
    Capture, CaptureDetails, Cycles, Disagreement, Driver, Error, Field, FileError, Guest,
    KernelModule, OLDEST_SCHEMA, ProcessorId, ProcessorSnapshot, SCHEMA, Snapshot, Unavailable,
    field::redactable,
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
        redacted: snapshot.redacted.iter().map(ToString::to_string).collect(),
        modules: match detail {
            Detail::Brief => Vec::new(),
            Detail::Full => snapshot.modules.iter().map(Into::into).collect(),
        },
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
    match serde_json::from_slice::<SnapshotMembers>(bytes) {
        Ok(members) if is_known(members.schema) => members.try_into(),
        outcome => Err(other_schema(bytes).unwrap_or_else(|| match outcome {
            Ok(members) => FileError::OtherSchema {
                found: members.schema,
            },
            Err(error) => error.into(),
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
    let Age { schema: found } = serde_json::from_slice(bytes).ok()?;
    (!is_known(found)).then_some(FileError::OtherSchema { found })
}

#[derive(Deserialize, Serialize)]
struct SnapshotMembers {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Driver>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    tsc: Option<Hex<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    efer_found: Option<Hex<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    efer_left: Option<Hex<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles: Option<CycleMembers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vmsave: Option<StateMembers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<GuestMembers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<WitnessMembers>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "at_most_or_none"
    )]
    disagreements: Option<Vec<DisagreementMembers>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness_error: Option<Unavailable>,
    #[serde(skip_serializing_if = "Option::is_none")]
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
    gate: u32,
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
}

#[derive(Clone, Copy, Deserialize, Serialize)]
struct SegmentMembers {
    selector: Hex<u16>,
    attrib: Hex<u16>,
    limit: Hex<u32>,
    base: Hex<u64>,
}

#[derive(Deserialize, Serialize)]
struct StateMembers {
    fs: SegmentMembers,
    gs: SegmentMembers,
    ldtr: SegmentMembers,
    tr: SegmentMembers,
    star: Hex<u64>,
    lstar: Hex<u64>,
    cstar: Hex<u64>,
    sfmask: Hex<u64>,
    kernel_gs_base: Hex<u64>,
    sysenter_cs: Hex<u64>,
    sysenter_esp: Hex<u64>,
    sysenter_eip: Hex<u64>,
}

#[derive(Deserialize, Serialize)]
struct WitnessMembers {
    fs_selector: Hex<u16>,
    fs_descriptor: Hex<u64>,
    fs_base: Hex<u64>,
    gs_selector: Hex<u16>,
    gs_descriptor: Hex<u64>,
    gs_base: Hex<u64>,
    ldtr_selector: Hex<u16>,
    tr_selector: Hex<u16>,
    tr_descriptor: [Hex<u64>; 2],
    star: Hex<u64>,
    lstar: Hex<u64>,
    cstar: Hex<u64>,
    sfmask: Hex<u64>,
    kernel_gs_base: Hex<u64>,
    sysenter_cs: Hex<u64>,
    sysenter_esp: Hex<u64>,
    sysenter_eip: Hex<u64>,
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
        let witness = capture.and_then(|capture| capture.witness);
        Self {
            index,
            group,
            number,
            tsc: details.map(|noted| Hex(noted.tsc)),
            efer_found: details.map(|noted| Hex(noted.efer_found.into())),
            efer_left: details.map(|noted| Hex(noted.efer_left.into())),
            cycles: details.and_then(|noted| noted.cycles).map(Into::into),
            vmsave: capture.map(|capture| capture.vmsave.into()),
            guest: capture.and_then(|capture| capture.guest).map(Into::into),
            witness: witness
                .and_then(Result::ok)
                .filter(|_| detail == Detail::Full)
                .map(Into::into),
            disagreements: capture
                .and_then(|capture| snapshot.disagreements(processor.id, capture))
                .map(|all| all.into_iter().map(Into::into).collect()),
            witness_error: witness.and_then(Result::err),
            error: processor.result.err(),
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
            _ => None,
        };
        let witness = match (members.witness, members.witness_error) {
            (_, Some(reason)) => Some(Err(reason)),
            (Some(witness), None) => Some(Ok(witness.into())),
            (None, None) => None,
        };
        let result = match (members.vmsave, members.error) {
            (Some(state), None) => Ok(Capture {
                details,
                vmsave: state.into(),
                witness,
                guest: members.guest.map(Into::into),
            }),
            (None, Some(reason)) => Err(reason),
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
                let list = read_list(list)?;
                let seen: Vec<Disagreement> = match &processor.result {
                    Ok(capture) => capture.disagreements().collect(),
                    Err(_) => Vec::new(),
                };
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
        processors.sort_by_key(|processor| processor.id.index);
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
            redacted: redacted.collect::<Result<_, _>>()?,
            modules: members.modules.into_iter().map(Into::into).collect(),
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
            gate: cycles.gate,
            vmsave: cycles.vmsave,
            restore: cycles.restore,
            witness: cycles.witness,
        }
    }
}

impl From<CycleMembers> for Cycles {
    fn from(members: CycleMembers) -> Self {
        Self {
            gate: members.gate,
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
        }
    }
}

impl From<Segment> for SegmentMembers {
    fn from(segment: Segment) -> Self {
        Self {
            selector: Hex(segment.selector),
            attrib: Hex(segment.attributes.into()),
            limit: Hex(segment.limit),
            base: Hex(segment.base),
        }
    }
}

impl From<SegmentMembers> for Segment {
    fn from(members: SegmentMembers) -> Self {
        Self {
            selector: members.selector.0,
            attributes: members.attrib.0.into(),
            limit: members.limit.0,
            base: members.base.0,
        }
    }
}

/// The registers of the system-call instructions stand among the other members.
macro_rules! system_call {
    (from $members:ident) => {
        SystemCallRegisters {
            star: $members.star.0,
            lstar: $members.lstar.0,
            cstar: $members.cstar.0,
            sfmask: $members.sfmask.0,
            kernel_gs_base: $members.kernel_gs_base.0,
            sysenter_cs: $members.sysenter_cs.0,
            sysenter_esp: $members.sysenter_esp.0,
            sysenter_eip: $members.sysenter_eip.0,
        }
    };
    (into $type:ident, $registers:expr, { $($member:ident: $value:expr,)* }) => {{
        let registers = $registers;
        $type {
            $($member: $value,)*
            star: Hex(registers.star),
            lstar: Hex(registers.lstar),
            cstar: Hex(registers.cstar),
            sfmask: Hex(registers.sfmask),
            kernel_gs_base: Hex(registers.kernel_gs_base),
            sysenter_cs: Hex(registers.sysenter_cs),
            sysenter_esp: Hex(registers.sysenter_esp),
            sysenter_eip: Hex(registers.sysenter_eip),
        }
    }};
}

impl From<VmsaveState> for StateMembers {
    fn from(state: VmsaveState) -> Self {
        system_call!(into Self, state.system_call, {
            fs: state.fs.into(),
            gs: state.gs.into(),
            ldtr: state.ldtr.into(),
            tr: state.tr.into(),
        })
    }
}

impl From<StateMembers> for VmsaveState {
    fn from(members: StateMembers) -> Self {
        Self {
            fs: members.fs.into(),
            gs: members.gs.into(),
            ldtr: members.ldtr.into(),
            tr: members.tr.into(),
            system_call: system_call!(from members),
        }
    }
}

impl From<Witness> for WitnessMembers {
    fn from(witness: Witness) -> Self {
        system_call!(into Self, witness.system_call, {
            fs_selector: Hex(witness.fs_selector),
            fs_descriptor: Hex(witness.fs_descriptor),
            fs_base: Hex(witness.fs_base),
            gs_selector: Hex(witness.gs_selector),
            gs_descriptor: Hex(witness.gs_descriptor),
            gs_base: Hex(witness.gs_base),
            ldtr_selector: Hex(witness.ldtr_selector),
            tr_selector: Hex(witness.tr_selector),
            tr_descriptor: witness.tr_descriptor.map(Hex),
        })
    }
}

impl From<WitnessMembers> for Witness {
    fn from(members: WitnessMembers) -> Self {
        Self {
            system_call: system_call!(from members),
            fs_base: members.fs_base.0,
            gs_base: members.gs_base.0,
            fs_selector: members.fs_selector.0,
            gs_selector: members.gs_selector.0,
            tr_selector: members.tr_selector.0,
            ldtr_selector: members.ldtr_selector.0,
            fs_descriptor: members.fs_descriptor.0,
            gs_descriptor: members.gs_descriptor.0,
            tr_descriptor: members.tr_descriptor.map(|half| half.0),
        }
    }
}

/// A list of bounded length, so that no short text fills the memory with long structures.
fn at_most<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MOST: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct AtMost<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> de::Visitor<'de> for AtMost<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST}")
        }

        /// An absent list may be written as null.
        fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MOST {
                    return Err(de::Error::invalid_length(MOST + 1, &self));
                }
                list.push(item);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_any(AtMost::<T, MOST>(PhantomData))
}

/// A list of disagreements, if there is one: each is about a field.
fn at_most_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<DisagreementMembers>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct List(
        #[serde(deserialize_with = "at_most::<_, _, MOST_NAMES>")] Vec<DisagreementMembers>,
    );
    Ok(Option::<List>::deserialize(deserializer)?.map(|list| list.0))
}
