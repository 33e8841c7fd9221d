//! The JSON form of an answer: names, order and number formats that other programs rely on.
//!
//! Numbers that may pass 2^53, and those that people read in hexadecimal, are strings.

#![expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands every field over by reference"
)]

use std::fmt;

use amd_svm::{
    cpuid::{SvmFeatures, SvmIdentity},
    msr::Efer,
    segment::{Segment, SegmentAttributes},
    vmcb::{SystemCallRegisters, VmsaveState},
    witness::Comparison,
};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{Capture, Error, Obstacle, status};

/// Changes when a program that reads the JSON has to change too. New members do not count.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a, T> {
    schema: u32,
    #[serde(flatten)]
    answer: &'a T,
}

/// The document that the program prints.
pub(crate) fn document<T: Serialize>(answer: &T) -> Result<String, Error> {
    let schema = SCHEMA;
    let mut text = serde_json::to_string_pretty(&Document { schema, answer })?;
    text.push('\n');
    Ok(text)
}

/// What is written in hexadecimal, with all its leading zeros.
pub(crate) trait Hex: Copy {
    /// The plain integer.
    type Bits: fmt::LowerHex;

    /// The value as an integer.
    fn bits(self) -> Self::Bits;
}

macro_rules! hex {
    ($($type:ty => $bits:ty),* $(,)?) => {
        $(impl Hex for $type {
            type Bits = $bits;

            fn bits(self) -> $bits {
                self.into()
            }
        })*
    };
}

hex! {
    u16 => u16,
    u32 => u32,
    u64 => u64,
    Efer => u64,
    SegmentAttributes => u16,
    SvmFeatures => u32,
}

fn in_hex<T: Hex>(value: T) -> String {
    let width = "0x".len() + 2 * size_of::<T::Bits>();
    format!("{:#0width$x}", value.bits())
}

pub(crate) fn hex<T: Hex, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&in_hex(*value))
}

pub(crate) fn hex_or_null<T: Hex, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.map(in_hex).serialize(serializer)
}

pub(crate) fn text<T: fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// The members of a capture, or the one member `error` in their place.
pub(crate) fn capture_or_error<S: Serializer>(
    result: &Result<Capture, Obstacle>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match result {
        Ok(capture) => CaptureMembers::from(capture).serialize(serializer),
        Err(obstacle) => {
            let mut members = serializer.serialize_struct("Refused", 1)?;
            members.serialize_field("error", obstacle)?;
            members.end()
        }
    }
}

/// A capture, and what comes of comparing it with its witness.
#[derive(Serialize)]
struct CaptureMembers<'a> {
    #[serde(flatten)]
    capture: &'a Capture,
    #[serde(skip_serializing_if = "Option::is_none")]
    disagreements: Option<Vec<Disagreement>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness_error: Option<Obstacle>,
}

#[derive(Serialize)]
struct Disagreement {
    field: &'static str,
    #[serde(serialize_with = "hex")]
    vmsave: u64,
    #[serde(serialize_with = "hex")]
    witness: u64,
}

impl<'a> From<&'a Capture> for CaptureMembers<'a> {
    fn from(capture: &'a Capture) -> Self {
        let found = || capture.disagreements().map(Disagreement::from).collect();
        Self {
            capture,
            disagreements: capture.witness.is_ok().then(found),
            witness_error: capture.witness.err(),
        }
    }
}

impl From<Comparison> for Disagreement {
    fn from(comparison: Comparison) -> Self {
        Self {
            field: comparison.field,
            vmsave: comparison.vmsave,
            witness: comparison.witness,
        }
    }
}

/// Whether VMSAVE is possible, and the member `error` if it is not.
pub(crate) fn possibility<S: Serializer>(
    result: &Result<(), Obstacle>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut members = serializer.serialize_struct("Possibility", 2)?;
    members.serialize_field("vmsave_possible", &result.is_ok())?;
    if let Err(obstacle) = result {
        members.serialize_field("error", obstacle)?;
    }
    members.end()
}

pub(crate) fn svm_identity<S: Serializer>(
    identity: &Option<SvmIdentity>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Svm {
        revision: u8,
        asids: u32,
        features: Vec<&'static str>,
        feature_bits: String,
    }
    identity
        .map(|svm| Svm {
            revision: svm.revision,
            asids: svm.asids,
            features: status::feature_names(svm.features).collect(),
            feature_bits: in_hex(svm.features),
        })
        .serialize(serializer)
}

pub(crate) fn vmsave_state<S: Serializer>(
    state: &VmsaveState,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    VmsaveMembers::serialize(state, serializer)
}

#[derive(Serialize)]
#[serde(remote = "VmsaveState")]
struct VmsaveMembers {
    #[serde(with = "SegmentMembers")]
    fs: Segment,
    #[serde(with = "SegmentMembers")]
    gs: Segment,
    #[serde(with = "SegmentMembers")]
    ldtr: Segment,
    #[serde(with = "SegmentMembers")]
    tr: Segment,
    #[serde(flatten, with = "SystemCallMembers")]
    system_call: SystemCallRegisters,
}

#[derive(Serialize)]
#[serde(remote = "Segment")]
struct SegmentMembers {
    #[serde(serialize_with = "hex")]
    selector: u16,
    #[serde(rename = "attrib", serialize_with = "hex")]
    attributes: SegmentAttributes,
    #[serde(serialize_with = "hex")]
    limit: u32,
    #[serde(serialize_with = "hex")]
    base: u64,
}

#[derive(Serialize)]
#[serde(remote = "SystemCallRegisters")]
struct SystemCallMembers {
    #[serde(serialize_with = "hex")]
    star: u64,
    #[serde(serialize_with = "hex")]
    lstar: u64,
    #[serde(serialize_with = "hex")]
    cstar: u64,
    #[serde(serialize_with = "hex")]
    sfmask: u64,
    #[serde(serialize_with = "hex")]
    kernel_gs_base: u64,
    #[serde(serialize_with = "hex")]
    sysenter_cs: u64,
    #[serde(serialize_with = "hex")]
    sysenter_esp: u64,
    #[serde(serialize_with = "hex")]
    sysenter_eip: u64,
}
