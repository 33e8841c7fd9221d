//! What is expected of the driver for a control code.

use super::Control;
use crate::{
    CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader, Request, SnapshotRecord, StatusRecord, status,
};

/// What is asked of each processor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RecordKind {
    /// [`StatusRecord`].
    Status,
    /// [`SnapshotRecord`].
    Snapshot,
}

impl RecordKind {
    /// Bytes of a record.
    #[must_use]
    pub const fn record_size(self) -> usize {
        match self {
            Self::Status => size_of::<StatusRecord>(),
            Self::Snapshot => size_of::<SnapshotRecord>(),
        }
    }
}

/// What a control code must be answered with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expectation {
    /// Nothing but a status.
    Refusal(u32),
    /// The header alone, to a client of any version.
    VersionHeader,
    /// The header alone, since there is no room for more.
    Overflow(RecordKind),
    /// A record for each processor.
    Records(RecordKind),
}

impl Expectation {
    /// What kind of call it was, for statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refusal(_) => "control code refused",
            Self::VersionHeader => "header for any version",
            Self::Overflow(_) => "no room for records",
            Self::Records(RecordKind::Status) => "status of all processors",
            Self::Records(RecordKind::Snapshot) => "snapshot of all processors",
        }
    }

    /// The status that the request ends with, and the bytes of the reply on a machine of so many
    /// processors.
    #[must_use]
    pub const fn answer(self, processors: u32) -> (u32, usize) {
        let header = size_of::<ReplyHeader>();
        match self {
            Self::Refusal(status) => (status, 0),
            Self::VersionHeader => (status::SUCCESS, header),
            Self::Overflow(_) => (status::BUFFER_OVERFLOW, header),
            Self::Records(kind) => (
                status::SUCCESS,
                header + processors as usize * kind.record_size(),
            ),
        }
    }
}

impl Control {
    /// What a machine of so many processors answers on a handle that was opened for reading, for
    /// writing, or for both.
    #[must_use]
    pub fn expectation(&self, read: bool, write: bool, processors: u32) -> Expectation {
        const DEMANDS_READ: u32 = 1 << 14;
        const DEMANDS_WRITE: u32 = 2 << 14;
        if self.code & DEMANDS_READ != 0 && !read || self.code & DEMANDS_WRITE != 0 && !write {
            return Expectation::Refusal(status::ACCESS_DENIED);
        }
        let kind = match self.code {
            CONTROL_STATUS => RecordKind::Status,
            CONTROL_SNAPSHOT => RecordKind::Snapshot,
            _ => return Expectation::Refusal(status::INVALID_DEVICE_REQUEST),
        };
        let Ok(request) = bytemuck::try_pod_read_unaligned::<Request>(&self.input) else {
            return Expectation::Refusal(status::INFO_LENGTH_MISMATCH);
        };
        if request.reserved != [0; 6] {
            return Expectation::Refusal(status::INVALID_PARAMETER);
        }
        let room = self.output_length as usize;
        let header = size_of::<ReplyHeader>();
        match (kind, request.version) {
            (_, crate::VERSION) | (RecordKind::Status, 0) if room < header => {
                Expectation::Refusal(status::BUFFER_TOO_SMALL)
            }
            (RecordKind::Status, 0) => Expectation::VersionHeader,
            (_, crate::VERSION) => {
                if room < header + processors as usize * kind.record_size() {
                    Expectation::Overflow(kind)
                } else {
                    Expectation::Records(kind)
                }
            }
            _ => Expectation::Refusal(status::REVISION_MISMATCH),
        }
    }
}
