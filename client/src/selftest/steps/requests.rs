//! Random requests from user mode: those of the lab's campaigns, on the device that is there.

use std::io;

use fastrand::Rng;
use protocol::random::{Control, Expectation, RecordKind};
use protocol::{Record, Reply, SnapshotRecord, StatusRecord, status};

use crate::driver_io::Device;
use crate::model::DeviceError;
use crate::model::table::Table;
use crate::selftest::outcome::{Judgement, Stop, Values};
use crate::selftest::session::Session;

/// What the output is filled with, to see what is written.
const FILLING: u8 = 0xA5;

pub(in crate::selftest) fn random_requests(
    session: &mut Session,
    values: &mut Values,
) -> Judgement {
    let (seed, requests) = (session.seed, session.requests());
    values.note("seed", seed);
    let processors = session.status()?.processors.len();
    let processors = u32::try_from(processors).map_err(|error| Stop::failed(error.to_string()))?;
    let mut random = Rng::with_seed(seed.into());
    let mut kinds = Table::<_, u32>::new();
    let device = session.device()?;
    for number in 0..requests {
        let control = Control::random(&mut random, processors);
        // The client's handle is one for reading.
        let expected = control.expectation(true, false, processors);
        if let Err(what) = send(device, &control, expected, processors) {
            return Err(Stop::failed(format!("request {number}, {control}: {what}")));
        }
        *kinds.get_or_default(expected.name()) += 1;
    }
    values.note("requests", requests);
    for (kind, count) in kinds {
        values.note(kind, count);
    }
    session.status().map(drop)
}

/// Makes a request and compares the answer with what is expected; the error is the difference.
fn send(
    device: &mut dyn Device,
    control: &Control,
    expected: Expectation,
    processors: u32,
) -> Result<(), String> {
    let mut output = vec![FILLING; control.output_length as usize];
    let (expected_status, length) = expected.answer(processors);
    let answer = device.control(control.code, &control.input, &mut output);
    let returned = match &answer {
        Ok(returned) | Err(DeviceError::BufferTooSmall { returned }) => *returned,
        Err(_) => 0,
    };
    if returned != length {
        return Err(format!("{returned} bytes came back, and not {length}"));
    }
    if !is_status(&answer, expected_status) {
        let found = answer.map_or_else(|error| error.to_string(), |_| "success".to_owned());
        return Err(format!("{found}, and not status 0x{expected_status:08X}"));
    }
    let Some((reply, rest)) = output.split_at_checked(returned) else {
        return Err(format!(
            "{returned} bytes came back, more than there is room for"
        ));
    };
    if rest.iter().any(|byte| *byte != FILLING) {
        return Err("bytes behind the reply were changed".to_owned());
    }
    match expected {
        Expectation::Records(RecordKind::Status) => check::<StatusRecord>(reply, processors),
        Expectation::Records(RecordKind::Snapshot) => check::<SnapshotRecord>(reply, processors),
        _ => Ok(()),
    }
}

fn check<R: Record>(reply: &[u8], processors: u32) -> Result<(), String> {
    let reply = Reply::<R>::parse(reply).map_err(|error| error.to_string())?;
    let records = reply.records().count();
    if records == processors as usize {
        Ok(())
    } else {
        Err(format!("{records} records, and not {processors}"))
    }
}

/// Whether a request ended with this status, as the way to the driver tells it.
fn is_status(answer: &Result<usize, DeviceError>, expected: u32) -> bool {
    match (answer, expected) {
        (Ok(_), status::SUCCESS)
        | (Err(DeviceError::AccessDenied), status::ACCESS_DENIED)
        | (
            Err(DeviceError::BufferTooSmall { .. }),
            status::BUFFER_TOO_SMALL | status::BUFFER_OVERFLOW,
        )
        | (Err(DeviceError::RevisionMismatch), status::REVISION_MISMATCH) => true,
        (Err(DeviceError::NtStatus(found)), expected) => *found == expected,
        (Err(DeviceError::Other(error)), expected) => {
            let error = error.downcast_ref::<io::Error>();
            let code = error.and_then(io::Error::raw_os_error);
            code.is_some() && code == win32(expected)
        }
        _ => false,
    }
}

/// The error of Win32 that a status becomes where no [`DeviceError`] stands for it.
///
/// Source: `RtlNtStatusToDosError` of Windows' documentation.
fn win32(expected: u32) -> Option<i32> {
    const ERROR_INVALID_FUNCTION: i32 = 1;
    const ERROR_BAD_LENGTH: i32 = 24;
    const ERROR_INVALID_PARAMETER: i32 = 87;
    match expected {
        status::INVALID_DEVICE_REQUEST => Some(ERROR_INVALID_FUNCTION),
        status::INFO_LENGTH_MISMATCH => Some(ERROR_BAD_LENGTH),
        status::INVALID_PARAMETER => Some(ERROR_INVALID_PARAMETER),
        _ => None,
    }
}
