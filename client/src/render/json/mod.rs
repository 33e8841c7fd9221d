//! The JSON form of an answer: names, order and number formats that other programs rely on.
//!
//! Numbers that may pass 2^53, and those that people read in hexadecimal, are strings.

mod hex;
mod snapshot;

use std::fmt;

use amd_svm::{cpuid::SvmIdentity, msr::Efer};
use serde::{Serialize, Serializer, ser::SerializeStruct};

pub(crate) use self::{
    hex::{Hex, padded},
    snapshot::{Detail, parse as parse_snapshot, print as snapshot},
};
use crate::model::{Error, Obstacle, SCHEMA, status};

#[derive(Serialize)]
struct Document<'a, T> {
    schema: u32,
    #[serde(flatten)]
    answer: &'a T,
}

/// The document that the program prints.
pub(crate) fn document<T: Serialize>(answer: &T) -> Result<String, Error> {
    let schema = SCHEMA;
    pretty(&Document { schema, answer })
}

/// A whole document over many lines.
fn pretty(document: &impl Serialize) -> Result<String, Error> {
    Ok(finish(serde_json::to_string_pretty(document)?))
}

/// The document as a terminal may show it: of the control characters, which occur in strings
/// alone, JSON demands an escape for those below 20h only.
fn finish(mut text: String) -> String {
    // In UTF-8 the others are 7Fh, or begin with C2h: nearly no document has either.
    if text.bytes().any(|byte| matches!(byte, 0x7F | 0xC2)) {
        for control in '\u{7F}'..='\u{9F}' {
            text = text.replace(control, &format!("\\u{:04x}", u32::from(control)));
        }
    }
    text.push('\n');
    text
}

/// The document in one line, for streams of them.
pub(crate) fn line<T: Serialize>(answer: &T) -> Result<String, Error> {
    let schema = SCHEMA;
    Ok(finish(serde_json::to_string(&Document { schema, answer })?))
}

#[expect(
    clippy::ref_option,
    reason = "serde hands every field over by reference"
)]
pub(crate) fn efer_or_null<S: Serializer>(
    value: &Option<Efer>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.map(|efer| Hex(u64::from(efer))).serialize(serializer)
}

pub(crate) fn text<T: fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Whether VMSAVE is possible, and the member `error` if it is not.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands every field over by reference"
)]
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

#[expect(
    clippy::ref_option,
    reason = "serde hands every field over by reference"
)]
pub(crate) fn svm_identity<S: Serializer>(
    identity: &Option<SvmIdentity>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Svm {
        revision: u8,
        asids: u32,
        features: Vec<&'static str>,
        feature_bits: Hex<u32>,
    }
    identity
        .map(|svm| Svm {
            revision: svm.revision,
            asids: svm.asids,
            features: status::feature_names(svm.features).collect(),
            feature_bits: Hex(svm.features.into()),
        })
        .serialize(serializer)
}
