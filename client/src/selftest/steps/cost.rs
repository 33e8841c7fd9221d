//! What snapshots cost, by what `bench` measures.

use crate::model::cost::Spread;
use crate::selftest::outcome::{Judgement, Stop, Values};
use crate::selftest::session::Session;

pub(in crate::selftest) fn timing(session: &mut Session, values: &mut Values) -> Judgement {
    let taken = session.snapshots()?;
    let Some(figures) = taken.figures else {
        return Err(Stop::failed("the driver told no cycles"));
    };
    values.note("snapshots", figures.snapshots);
    values.note("processors", figures.processors);
    let mut spread = |name: &str, spread: Spread| {
        let Spread { min, median, max } = spread;
        values.note(name, format!("{min} least, {median} median, {max} most"));
    };
    spread("support_check_cycles", figures.cycles.support_check);
    spread("vmsave_cycles", figures.cycles.vmsave);
    spread("restore_cycles", figures.cycles.restore);
    spread("witness_cycles", figures.cycles.witness);
    for (name, measured) in [
        ("skew_cycles", figures.skew_cycles),
        ("round_trip_nanoseconds", figures.round_trip_nanoseconds),
    ] {
        if let Some(measured) = measured {
            spread(name, measured);
        }
    }
    Ok(())
}
