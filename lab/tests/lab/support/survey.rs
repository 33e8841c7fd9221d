//! Surveys of the driver, as a client asks for them.

use lab::{Error, Handle, IoctlReply, Lab};
use protocol::{Record, Reply, ReplyHeader, Request};
use zerocopy::IntoBytes;

/// A successful reply.
pub struct Survey<R> {
    /// Whether addresses were taken out.
    pub redacted: bool,
    /// A record for each processor.
    pub records: Vec<R>,
}

/// Asks for a survey, with room for so many records.
pub fn ask<R: Record>(lab: &mut Lab, handle: Handle, processors: u32) -> Result<IoctlReply, Error> {
    let length = size_of::<ReplyHeader>() + processors as usize * size_of::<R>();
    let length = u32::try_from(length).unwrap();
    lab.ioctl(handle, R::CONTROL, Request::new().as_bytes(), length)
}

/// Asks for a survey, and expects one.
pub fn survey<R: Record>(lab: &mut Lab, handle: Handle, processors: u32) -> Survey<R> {
    let reply = ask::<R>(lab, handle, processors);
    let reply = reply.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reply.status, 0, "{:#010x}", reply.status);
    let reply = Reply::<R>::parse(&reply.output).unwrap();
    let survey = Survey {
        redacted: reply.header().is_redacted(),
        records: reply.records().collect(),
    };
    assert_eq!(survey.records.len(), processors as usize);
    survey
}
