//! Stops and starts, and what the stopped driver has left.

use crate::model::Status;
use crate::selftest::machine::Opener;
use crate::selftest::outcome::{Judgement, Stop, Values};
use crate::selftest::session::Session;

/// Why no other step has the device.
const CLOSED: &str = "the driver was stopped and started again";

pub(in crate::selftest) fn restarts(session: &mut Session, values: &mut Values) -> Judgement {
    let rounds = session.restarts();
    session.must_have_begun_with_device()?;
    session.close(CLOSED);
    for round in 1..=rounds {
        session.machine.set_running(false)?;
        session.machine.set_running(true)?;
        let in_round = |what: String| Stop::failed(format!("in round {round}: {what}"));
        let opened = session.machine.open(Opener::Client)?;
        let mut device = opened.map_err(|error| in_round(error.to_string()))?;
        Status::query(device.as_mut()).map_err(|error| in_round(error.to_string()))?;
        values.note("rounds", round);
    }
    Ok(())
}

pub(in crate::selftest) fn pool_tag(session: &mut Session, values: &mut Values) -> Judgement {
    // Asked first, so that the driver is not stopped for nothing.
    session.machine.pool()?;
    session.must_have_begun_with_device()?;
    if session.machine.is_running()? != Some(true) {
        return Err(Stop::not_done("the driver does not run any more"));
    }
    session.close(CLOSED);
    session.machine.set_running(false)?;
    let pool = session.machine.pool();
    session.machine.set_running(true)?;
    let Some(usage) = pool? else {
        return Err(Stop::not_done("the system lists no pool tag Svms"));
    };
    values.note("allocations", usage.allocations);
    values.note("blocks", usage.blocks);
    values.note("bytes", usage.bytes);
    if usage.allocations == 0 {
        return Err(Stop::not_done("the system counted no allocation"));
    }
    match (usage.blocks, usage.bytes) {
        (0, 0) => Ok(()),
        (blocks, bytes) => Err(Stop::failed(format!(
            "{blocks} blocks with {bytes} bytes are left"
        ))),
    }
}
