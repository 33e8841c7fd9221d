//! Who gets in, and who sees addresses.

use protocol::{CONTROL_STATUS, Request};

use crate::model::field::redactable;
use crate::model::{DeviceError, Snapshot};
use crate::selftest::machine::Opener;
use crate::selftest::outcome::{Judgement, Stop, Values};
use crate::selftest::session::Session;

pub(in crate::selftest) fn no_read_access(session: &mut Session, values: &mut Values) -> Judgement {
    let opened = session.open(Opener::WithoutRead)?;
    let mut device =
        opened.map_err(|error| Stop::failed(format!("it is not opened for writing: {error}")))?;
    let mut output = [0; 512];
    let answer = device.control(
        CONTROL_STATUS,
        bytemuck::bytes_of(&Request::new()),
        &mut output,
    );
    refused(&answer.map(drop), values)
}

pub(in crate::selftest) fn restricted_token(
    session: &mut Session,
    values: &mut Values,
) -> Judgement {
    let opened = session.open(Opener::Restricted)?;
    refused(&opened.map(drop), values)
}

/// Passes if access was denied.
fn refused(answer: &Result<(), DeviceError>, values: &mut Values) -> Judgement {
    match answer {
        Ok(()) => Err(Stop::failed("it was let in")),
        Err(DeviceError::AccessDenied) => {
            values.note("answer", DeviceError::AccessDenied.to_string());
            Ok(())
        }
        Err(error) => Err(Stop::failed(format!("another answer: {error}"))),
    }
}

pub(in crate::selftest) fn hidden_addresses(
    session: &mut Session,
    values: &mut Values,
) -> Judgement {
    // What is shown to no caller is not hidden.
    let shown = session.snapshots()?.snapshots.first();
    if shown.is_none_or(|snapshot| !snapshot.redacted.is_empty()) {
        return Err(Stop::not_done(
            "addresses are hidden from this caller, too: run this as an administrator",
        ));
    }
    let opened = session.open(Opener::WithoutPrivileges)?;
    let mut device = opened.map_err(|error| Stop::failed(format!("it is not opened: {error}")))?;
    let snapshot = Snapshot::take(device.as_mut())?;
    drop(device);
    values.note("hidden_fields", snapshot.redacted.len());
    if snapshot.redacted.is_empty() {
        return Err(Stop::failed("the driver says that it hides nothing"));
    }
    for (id, capture) in snapshot.captures() {
        if let Some(field) = redactable().find(|field| !snapshot.hides(*field, capture)) {
            return Err(Stop::failed(format!(
                "{} is shown on processor {}",
                field.name(),
                id.index
            )));
        }
    }
    Ok(())
}
