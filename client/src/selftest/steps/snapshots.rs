//! What snapshots show: each against the others, against the independent reads, on every processor.

use crate::checks::Diff;
use crate::model::table::Table;
use crate::model::{Capture, ProcessorId, Snapshot, sort};
use crate::selftest::outcome::{Judgement, Stop, Values};
use crate::selftest::session::Session;

pub(in crate::selftest) fn snapshots(session: &mut Session, values: &mut Values) -> Judgement {
    let taken = session.snapshots()?;
    values.note("snapshots", taken.snapshots.len());
    let Some((first, others)) = taken.snapshots.split_first() else {
        return Err(Stop::not_done("there is no snapshot"));
    };
    values.note("processors", first.captures().count());
    for (number, other) in (2..).zip(others) {
        let diff = Diff::between(first, other);
        if let Some(change) = diff.changes.first() {
            return Err(Stop::failed(format!(
                "in snapshot {number} {} is {:#x} on processor {}, and was {:#x}",
                change.field.name(),
                change.after,
                change.processors.first().map_or(0, |id| id.index),
                change.before
            )));
        }
        if let Some(change) = diff.processors.first() {
            return Err(Stop::failed(format!(
                "in snapshot {number} processor {} is {}, and was {}",
                change.processors.first().map_or(0, |id| id.index),
                change.after,
                change.before
            )));
        }
    }
    Ok(())
}

/// Each capture with the number of its snapshot, from 1.
fn captures(
    snapshots: &[Snapshot],
) -> impl Iterator<Item = (usize, &Snapshot, ProcessorId, &Capture)> {
    (1..).zip(snapshots).flat_map(|(number, snapshot)| {
        let captures = snapshot.captures();
        captures.map(move |(id, capture)| (number, snapshot, id, capture))
    })
}

pub(in crate::selftest) fn agreement(session: &mut Session, values: &mut Values) -> Judgement {
    let taken = session.snapshots()?;
    let mut compared = 0_usize;
    for (number, snapshot, id, capture) in captures(&taken.snapshots) {
        let place = format!("in snapshot {number} on processor {}", id.index);
        if let Some(Err(reason)) = &capture.witness {
            return Err(Stop::failed(format!(
                "{place} nothing was read without VMSAVE: {reason}"
            )));
        }
        let Some(disagreements) = snapshot.disagreements(id, capture) else {
            return Err(Stop::failed(format!(
                "{place} nothing was read without VMSAVE"
            )));
        };
        if let Some(one) = disagreements.first() {
            return Err(Stop::failed(format!(
                "{place} {} is {:#x} by VMSAVE, and {:#x} without it",
                one.field.name(),
                one.vmsave,
                one.witness
            )));
        }
        compared += 1;
    }
    values.note("captures", compared);
    Ok(())
}

pub(in crate::selftest) fn every_processor(
    session: &mut Session,
    values: &mut Values,
) -> Judgement {
    let active = session
        .machine
        .topology()
        .ok()
        .map(|topology| topology.processors);
    let taken = session.snapshots()?;
    for (number, snapshot) in (1..).zip(&taken.snapshots) {
        for processor in &snapshot.processors {
            if let Err(reason) = &processor.result {
                return Err(Stop::failed(format!(
                    "snapshot {number} lacks processor {}: {reason}",
                    processor.id.index
                )));
            }
        }
        let count = snapshot.processors.len();
        let expected = snapshot.active_processors.into_iter().chain(active).max();
        if expected.is_some_and(|expected| expected as usize != count) {
            return Err(Stop::failed(format!(
                "snapshot {number} has {count} of {} processors",
                expected.unwrap_or_default()
            )));
        }
        let places = snapshot
            .processors
            .iter()
            .map(|one| u64::from(one.id.group) << 8 | u64::from(one.id.number));
        if sort::distinct(places).len() != count {
            return Err(Stop::failed(format!(
                "snapshot {number} has two processors of one group and number"
            )));
        }
        values.note("processors", count);
    }
    if let Some(count) = active {
        values.note("counted_by_the_system", count);
    }
    Ok(())
}

pub(in crate::selftest) fn efer(session: &mut Session, values: &mut Values) -> Judgement {
    let taken = session.snapshots()?;
    let (mut compared, mut found) = (0_usize, Table::new());
    for (number, _, id, capture) in captures(&taken.snapshots) {
        let Some(details) = capture.details else {
            return Err(Stop::failed("the driver did not note EFER"));
        };
        let [before, after] = [details.efer_found, details.efer_left].map(u64::from);
        if before != after {
            return Err(Stop::failed(format!(
                "in snapshot {number} on processor {} EFER was {before:#x}, and is left {after:#x}",
                id.index
            )));
        }
        compared += 1;
        found.insert(before, ());
    }
    values.note("captures", compared);
    let found: Vec<_> = found.keys().map(|efer| format!("{efer:#x}")).collect();
    values.note("efer", found.join(", "));
    Ok(())
}
