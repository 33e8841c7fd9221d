//! The driver's answer about itself and about every processor.

use crate::model::DriverVersion;
use crate::selftest::outcome::{Judgement, Stop, Values};
use crate::selftest::session::Session;

pub(in crate::selftest) fn status(session: &mut Session, values: &mut Values) -> Judgement {
    let status = session.status()?;
    let possible = status
        .processors
        .iter()
        .filter(|one| matches!(one.result, Some(Ok(()))));
    values.note("active_processors", status.active_processors);
    values.note("maximum_processors", status.maximum_processors);
    values.note("vmsave_possible_on", possible.count());
    let vendor = status
        .processors
        .iter()
        .find_map(|one| one.vendor.as_deref());
    values.note("vendor", vendor.unwrap_or_default());
    values.note("hypervisor", status.hypervisor().unwrap_or_default());
    let processor = session.device()?.machine().processor;
    for (name, value) in [
        ("processor_family", processor.family),
        ("processor_model", processor.model),
        ("processor_stepping", processor.stepping),
        ("microcode", processor.microcode),
    ] {
        if let Some(value) = value {
            values.note(name, format!("{value:#x}"));
        }
    }
    let own = DriverVersion::from(protocol::PACKAGE_VERSION);
    let Some(driver) = status.driver else {
        return Err(Stop::failed("the driver names no version"));
    };
    values.note("driver", driver.to_string());
    if driver.version != own {
        return Err(Stop::failed(format!(
            "svmsave {} runs, and this client is of {own}: take both from one package",
            driver.version
        )));
    }
    Ok(())
}
