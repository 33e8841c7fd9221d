//! Figures of a bench in JSON.

use serde::Serialize;

use crate::model::cost::{Figures, Parts, Spread};
use crate::model::{Driver, Error};

#[derive(Serialize)]
struct FigureMembers {
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<Driver>,
    snapshots: usize,
    processors: usize,
    cycles: PartMembers,
    #[serde(skip_serializing_if = "Option::is_none")]
    skew_cycles: Option<SpreadMembers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    round_trip_nanoseconds: Option<SpreadMembers>,
}

#[derive(Serialize)]
struct PartMembers {
    support_check: SpreadMembers,
    vmsave: SpreadMembers,
    restore: SpreadMembers,
    witness: SpreadMembers,
}

#[derive(Serialize)]
struct SpreadMembers {
    min: u64,
    median: u64,
    max: u64,
}

/// The figures as a document.
pub(crate) fn cost(figures: &Figures) -> Result<String, Error> {
    super::document(&FigureMembers {
        driver: figures.driver,
        snapshots: figures.snapshots,
        processors: figures.processors,
        cycles: figures.cycles.into(),
        skew_cycles: figures.skew_cycles.map(Into::into),
        round_trip_nanoseconds: figures.round_trip_nanoseconds.map(Into::into),
    })
}

impl From<Parts> for PartMembers {
    fn from(parts: Parts) -> Self {
        Self {
            support_check: parts.support_check.into(),
            vmsave: parts.vmsave.into(),
            restore: parts.restore.into(),
            witness: parts.witness.into(),
        }
    }
}

impl From<Spread> for SpreadMembers {
    fn from(Spread { min, median, max }: Spread) -> Self {
        Self { min, median, max }
    }
}
