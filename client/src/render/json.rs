//! The JSON form of an answer: names, order and number formats that other programs rely on, and the
//! reading of what was written.
//!
//! Numbers that may pass 2^53, and those that people read in hexadecimal, are strings.

mod check;
mod cost;
mod decoded;
mod diff;
mod driver;
mod hex;
mod snapshot;
mod status;
mod unavailable;
mod watch;

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize};

pub(crate) use self::check::{machines, unread, verdict, verdict_lines};
pub(crate) use self::cost::cost;
pub(crate) use self::diff::diff;
use self::hex::Hex;
pub(crate) use self::hex::{digits, padded};
pub(crate) use self::snapshot::{Detail, parse as parse_snapshot, print as snapshot};
pub(crate) use self::status::status;
pub(crate) use self::watch::{Moment, baseline, changes, counts, lacks};
use crate::model::{Error, Field, ProcessorId, SCHEMA};

#[derive(Serialize)]
struct Document<'a, T> {
    schema: u32,
    #[serde(flatten)]
    answer: &'a T,
}

/// The document that the program prints.
fn document<T: Serialize>(answer: &T) -> Result<String, Error> {
    let schema = SCHEMA;
    pretty(&Document { schema, answer })
}

/// A whole document over many lines.
fn pretty(document: &impl Serialize) -> Result<String, Error> {
    Ok(finish(serde_json::to_string_pretty(document)?))
}

/// The document in one line, for streams of them.
pub(super) fn line<T: Serialize>(answer: &T) -> Result<String, Error> {
    let schema = SCHEMA;
    Ok(finish(serde_json::to_string(&Document { schema, answer })?))
}

/// The document in ASCII, as a terminal may show it: what is not ASCII occurs in strings alone, and
/// there it can be spelt out.
fn finish(text: String) -> String {
    // 7Fh is the one control character that JSON leaves alone.
    let plain = text.bytes().all(|byte| byte.is_ascii() && byte != 0x7F);
    let mut finished = if plain {
        text
    } else {
        let mut spelt = String::with_capacity(text.len() + text.len() / 8);
        for character in text.chars() {
            if character.is_ascii() && character != '\u{7F}' {
                spelt.push(character);
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing into a string cannot fail.
                    let _ = write!(spelt, "\\u{unit:04x}");
                }
            }
        }
        spelt
    };
    finished.push('\n');
    finished
}

/// A value with the digits that its field has in every form of output.
fn number(field: Field, value: u64) -> String {
    padded(value, field.digits())
}

/// A member that may be absent, and is not null where it is there.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn indices(ids: &[ProcessorId]) -> Vec<u32> {
    ids.iter().map(|id| id.index).collect()
}
