//! A processor: its capture, or why there is none.

use amd_svm::vmcb::VmsaveState;
use amd_svm::witness::Witness;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::super::decoded::DecodedMembers;
use super::super::{Hex, present};
use super::lists::{at_most, object};
use super::numbers::Numbers;
use super::pages::PagesMembers;
use super::{Detail, MOST_NAMES};
use crate::model::{
    Capture, CaptureDetails, Cycles, Disagreement, Field, FileError, Guest, Pages, ProcessorId,
    ProcessorSnapshot, Snapshot, Unavailable,
};

/// The members of a capture, or the one member `error` in their place.
#[derive(Deserialize, Serialize)]
pub(super) struct ProcessorMembers {
    index: u32,
    group: u16,
    number: u8,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    tsc: Option<Hex<u64>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    efer_found: Option<Hex<u64>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
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
        deserialize_with = "present"
    )]
    vmsave: Option<Numbers<VmsaveState>>,
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
        deserialize_with = "present"
    )]
    pub(super) witness: Option<Numbers<Witness>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some_at_most"
    )]
    pub(super) disagreements: Option<Vec<DisagreementMembers>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    witness_error: Option<Unavailable>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    error: Option<Unavailable>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct DisagreementMembers {
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
    pub(super) fn new(snapshot: &Snapshot, processor: &ProcessorSnapshot, detail: Detail) -> Self {
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
                .map(|capture| Numbers(capture.vmsave)),
            guest: capture.and_then(|capture| capture.guest).map(Into::into),
            pages: capture
                .and_then(|capture| capture.pages.as_deref())
                .map(Into::into),
            decoded: capture.and_then(DecodedMembers::of),
            witness: witness
                .and_then(|witness| witness.as_ref().ok())
                .filter(|_| detail == Detail::Full)
                .map(|witness| Numbers(*witness)),
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
            (Some(Numbers(witness)), None) => Some(Ok(witness)),
            (None, None) => None,
        };
        let state = members.vmsave.map(|Numbers(state)| state);
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

/// A list of disagreements where there is one: each is about a field.
fn some_at_most<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<DisagreementMembers>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct List(
        #[serde(deserialize_with = "at_most::<_, _, MOST_NAMES>")] Vec<DisagreementMembers>,
    );
    match Option::<List>::deserialize(deserializer)? {
        Some(list) => Ok(Some(list.0)),
        None => Err(de::Error::invalid_type(
            de::Unexpected::Unit,
            &"a list of disagreements",
        )),
    }
}

/// Reads what a file lists of a processor: each entry says what the values beside it say, as far as
/// they are there, and no field has two.
pub(super) fn read_list(
    list: Vec<DisagreementMembers>,
    id: ProcessorId,
    capture: &Capture,
    redacted: &[Field],
) -> Result<Vec<Disagreement>, FileError> {
    let mut read: Vec<Disagreement> = Vec::with_capacity(list.len());
    for one in list {
        let field = Field::all()
            .find(|field| field.name() == one.field)
            .ok_or(FileError::UnknownField(one.field))?;
        let disagreement = Disagreement {
            field,
            vmsave: one.vmsave.0,
            witness: one.witness.0,
        };
        let is_repeated = read.iter().any(|known| known.field == field);
        if is_repeated || !capture.may_have(&disagreement, redacted) {
            return Err(FileError::NoDisagreement { id, field });
        }
        read.push(disagreement);
    }
    Ok(read)
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
