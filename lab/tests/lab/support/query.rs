//! What the driver tells of every processor, queried as a client does.

use lab::{Error, Handle, IoctlResult, Lab};
use protocol::{Record, Reply, ReplyHeader, Request};

/// The records of a successful reply.
pub(crate) struct Records<R> {
    /// Whether addresses were taken out.
    pub redacted: bool,
    /// A record for each processor.
    pub records: Vec<R>,
}

/// Queries records, with room for so many of them.
pub(crate) fn try_query<R: Record>(
    lab: &mut Lab,
    handle: Handle,
    processors: u32,
) -> Result<IoctlResult, Error> {
    let length = size_of::<ReplyHeader>() + processors as usize * size_of::<R>();
    let length = u32::try_from(length).unwrap();
    lab.ioctl(
        handle,
        R::CONTROL,
        bytemuck::bytes_of(&Request::new()),
        length,
    )
}

/// Queries records, and expects one of each processor.
pub(crate) fn query<R: Record>(lab: &mut Lab, handle: Handle, processors: u32) -> Records<R> {
    let result = try_query::<R>(lab, handle, processors);
    let result = result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(result.status, 0, "{:#010x}", result.status);
    let reply = Reply::<R>::parse(&result.output).unwrap();
    let records = Records {
        redacted: reply.header().is_redacted(),
        records: reply.records().collect(),
    };
    assert_eq!(records.records.len(), processors as usize);
    records
}
