//! Answers as text for people.

mod attributes;
mod columns;
mod fold;
mod snapshot;
mod status;

pub(crate) use fold::{by_value, processors};
pub(crate) use snapshot::snapshot;
pub(crate) use status::status;
