//! One request and its whole reply: buffers that grow, versions that differ.

use protocol::{CONTROL_STATUS, MalformedReply, Record, Reply, ReplyHeader, Request};

use super::Device;
use crate::model::{DeviceError, Driver, Error, ProcessorId, sort};

/// Enough for a snapshot of 64 processors; more are asked for when they are needed.
const FIRST_BUFFER: usize = 32 << 10;

/// Enough for a snapshot of 58,000 processors. The system copies the buffer into nonpaged memory,
/// which a reply that contradicts itself shall not exhaust.
const LARGEST_BUFFER: usize = 16 << 20;

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Received<R> {
    pub(crate) driver: Driver,
    pub(crate) header: ReplyHeader,
    /// One record for each processor, at least one, in the order of their indices.
    pub(crate) records: Vec<R>,
}

/// Asks the driver for records of one kind.
pub(crate) fn ask<R: Record>(device: &mut dyn Device) -> Result<Received<R>, Error> {
    let bytes = whole_reply(device, R::CONTROL)?;
    let reply = match Reply::<R>::parse(&bytes) {
        Ok(reply) => reply,
        Err(error @ MalformedReply::Version { .. }) => {
            return Err(Driver::of_any_reply(&bytes).map_or(error.into(), Error::OtherProtocol));
        }
        Err(error) => return Err(error.into()),
    };
    let mut records: Vec<R> = reply.records().collect();
    sort::by_number(&mut records, |record| record.id().index.into());
    if records.is_empty() {
        return Err(Error::NoProcessors);
    }
    let ids = records.iter().map(|record| record.id().into());
    if let Some(id) = ProcessorId::repeated(ids) {
        return Err(Error::Repeated(id));
    }
    Ok(Received {
        driver: reply.header().into(),
        header: *reply.header(),
        records,
    })
}

/// Repeats the request with larger buffers until the reply fits. Each is at least twice as large
/// as the one before, so that processors that are added meanwhile can't keep this going.
fn whole_reply(device: &mut dyn Device, control: u32) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; FIRST_BUFFER];
    loop {
        match device.control(control, bytemuck::bytes_of(&Request::new()), &mut buffer) {
            Ok(returned) if returned <= buffer.len() => {
                buffer.truncate(returned);
                return Ok(buffer);
            }
            Ok(_) => return Err(MalformedReply::Sizes.into()),
            Err(DeviceError::BufferTooSmall { returned }) => {
                let size = needed(&buffer, returned).max(buffer.len() * 2);
                if size > LARGEST_BUFFER {
                    let limit = LARGEST_BUFFER;
                    return Err(Error::TooLarge { limit });
                }
                buffer = vec![0; size];
            }
            Err(DeviceError::RevisionMismatch) => return Err(other_protocol(device)),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The size that the driver asks for, if it wrote a header that says so; otherwise 0.
fn needed(buffer: &[u8], returned: usize) -> usize {
    buffer
        .get(..returned)
        .and_then(|reply| reply.get(..size_of::<ReplyHeader>()))
        .map(bytemuck::pod_read_unaligned)
        .and_then(|header: ReplyHeader| usize::try_from(header.needed).ok())
        .unwrap_or(0)
}

/// Asks the driver which protocol it speaks, after it refused ours.
fn other_protocol(device: &mut dyn Device) -> Error {
    let mut buffer = [0; 512];
    let request = Request::handshake();
    let returned = match device.control(CONTROL_STATUS, bytemuck::bytes_of(&request), &mut buffer) {
        Ok(returned) | Err(DeviceError::BufferTooSmall { returned }) => returned,
        Err(_) => 0,
    };
    match buffer.get(..returned).and_then(Driver::of_any_reply) {
        Some(driver) if driver.protocol != protocol::VERSION => Error::OtherProtocol(driver),
        _ => DeviceError::RevisionMismatch.into(),
    }
}
