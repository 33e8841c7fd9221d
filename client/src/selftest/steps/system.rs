//! The machine around the driver: groups, nodes, processors that are added, and who watches.

use crate::model::{ProcessorId, Snapshot, sort};
use crate::selftest::outcome::{Judgement, Stop, Values};
use crate::selftest::session::Session;

/// What docs/windows.md asks of Driver Verifier, class by class.
const VERIFIER_FLAGS: u32 = 0x0202_09BB;

pub(in crate::selftest) fn groups(session: &mut Session, values: &mut Values) -> Judgement {
    let topology = session.machine.topology()?;
    values.note("groups", topology.groups);
    if topology.groups < 2 {
        return Err(Stop::not_done(
            "all processors are in one group: `bcdedit /set groupsize 2` and a restart make more",
        ));
    }
    let taken = session.snapshots()?;
    for (number, snapshot) in (1..).zip(&taken.snapshots) {
        let seen = sort::few(snapshot.captures().map(|(id, _)| u32::from(id.group)));
        if seen.len() != topology.groups as usize {
            let (seen, groups) = (seen.len(), topology.groups);
            return Err(Stop::failed(format!(
                "snapshot {number} has processors of {seen} groups out of {groups}"
            )));
        }
    }
    Ok(())
}

pub(in crate::selftest) fn nodes(session: &mut Session, values: &mut Values) -> Judgement {
    let nodes = session.machine.topology()?.nodes;
    values.note("nodes", nodes);
    if nodes < 2 {
        return Err(Stop::not_done("this machine has one node"));
    }
    let ids = |one: &Snapshot| one.captures().map(|(id, _)| id).collect();
    let captured: Vec<Vec<ProcessorId>> = session.snapshots()?.snapshots.iter().map(ids).collect();
    values.note("captures", captured.iter().map(Vec::len).sum::<usize>());
    let mut fewest = usize::MAX;
    for ids in captured {
        let mut seen = Vec::new();
        for id in ids {
            seen.push(session.machine.node(id.group, id.number)?.into());
        }
        fewest = fewest.min(sort::distinct(seen).len());
    }
    values.note("nodes_captured", fewest);
    if fewest < 2 {
        return Err(Stop::not_done(
            "the processors of one node alone were captured",
        ));
    }
    Ok(())
}

pub(in crate::selftest) fn hot_add(session: &mut Session, values: &mut Values) -> Judgement {
    let before = session.active_at_first;
    let status = session.status()?;
    let now = status.processors.len();
    let before = before.unwrap_or(now);
    values.note("processors_before", before);
    values.note("processors_now", now);
    values.note("maximum_processors", status.maximum_processors);
    if now <= before {
        return Err(Stop::not_done("no processor was added while this ran"));
    }
    session.snapshots()?;
    let snapshot = Snapshot::take(session.device()?)?;
    match snapshot.captures().count() {
        captured if captured >= now => Ok(()),
        captured => Err(Stop::failed(format!(
            "{captured} of {now} processors were captured"
        ))),
    }
}

pub(in crate::selftest) fn memory_integrity(
    session: &mut Session,
    values: &mut Values,
) -> Judgement {
    let on = session.machine.has_memory_integrity()?;
    values.note("on", on);
    if !on {
        return Err(Stop::not_done(
            "it is off: Windows Security > Device security > Core isolation turns it on, where the \
             hypervisor then exposes SVM",
        ));
    }
    session.status().map(drop)
}

pub(in crate::selftest) fn driver_verifier(
    session: &mut Session,
    values: &mut Values,
) -> Judgement {
    let verifier = session.machine.verifier()?;
    let flags = verifier.flags;
    values.note("drivers", &*verifier.drivers);
    values.note("flags", format!("0x{flags:X}"));
    let names = verifier.drivers.split_whitespace();
    let checked = names
        .clone()
        .any(|name| name.eq_ignore_ascii_case("svmsave.sys"));
    if !checked || flags & VERIFIER_FLAGS != VERIFIER_FLAGS {
        return Err(Stop::not_done(format!(
            "it does not check all of svmsave.sys now: `verifier /flags 0x{VERIFIER_FLAGS:X} /driver \
             svmsave.sys`, then restart, and run this again"
        )));
    }
    session.status().map(drop)
}
