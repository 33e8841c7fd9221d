//! A value of a field, as people and programs read it.

use super::{json, words};
use crate::model::{Field, Snapshot};

/// The value as programs read it: with its leading zeros.
pub(crate) fn number(field: Field, value: u64) -> String {
    json::padded(value, field.digits())
}

/// The value as people read it: attributes in words too.
pub(crate) fn print(field: Field, value: u64) -> String {
    let plain = number(field, value);
    match field.attributes(value) {
        Some(attributes) => format!("{plain} {}", words::attributes(attributes)),
        None => plain,
    }
}

/// The value as people read it, with its place in the kernel if it is an entry point.
pub(crate) fn describe(field: Field, value: u64, snapshot: &Snapshot) -> String {
    with_place(field, value, field.place(value, snapshot).as_deref())
}

/// The value as people read it, and its place.
pub(crate) fn with_place(field: Field, value: u64, place: Option<&str>) -> String {
    let plain = print(field, value);
    match place {
        Some(place) => format!("{plain} {place}"),
        None => plain,
    }
}
