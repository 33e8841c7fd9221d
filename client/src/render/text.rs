//! Answers as text for people.

mod bench;
mod check;
mod colour;
mod columns;
mod diff;
mod groups;
mod pages;
pub(in crate::render) mod snapshot;
mod status;

pub(crate) use bench::bench;
pub(crate) use check::{
    explanation, findings, kinds, machine, machine_findings, machines, verdict,
};
pub(crate) use colour::{Paint, Palette};
pub(crate) use diff::{change_lines, diff, differences, lack_lines};
pub(crate) use groups::groups;
pub(crate) use pages::{condition, conditions, pages, vmrun};
pub(crate) use snapshot::{bare, snapshot};
pub(crate) use status::status;
