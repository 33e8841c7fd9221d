//! What is expected of the driver for a call, and the comparison with its answer.
//!
//! Nothing that happens at the same time changes what is expected, with two exceptions
//! that the caller of this module knows about: a handle that is closed meanwhile, and
//! a driver that is unloaded meanwhile.

use alloc::format;

use lab_wire::{Access, Token};
use protocol::{CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader, Request};
use zerocopy::FromBytes;

use crate::answer::{Answer, Caller, Mismatch, RecordKind, ensure};
use crate::{Control, Path, reply, status};

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

/// What opening ends with.
#[must_use]
pub fn of_open(path: Path, token: Token) -> u32 {
    match path {
        Path::Missing => status::OBJECT_NAME_NOT_FOUND,
        _ if token == Token::User => status::ACCESS_DENIED,
        Path::Behind | Path::Root => status::OBJECT_NAME_INVALID,
        Path::Device | Path::OtherCase => status::SUCCESS,
    }
}

/// What a control code is answered with on a machine of so many processors.
#[must_use]
pub fn of_control(control: &Control, caller: Caller, processors: u32) -> Expectation {
    const DEMANDS_READ: u32 = 1 << 14;
    const DEMANDS_WRITE: u32 = 2 << 14;
    let Access { read, write } = caller.access;
    if control.code & DEMANDS_READ != 0 && !read || control.code & DEMANDS_WRITE != 0 && !write {
        return Expectation::Refusal(status::ACCESS_DENIED);
    }
    let kind = match control.code {
        CONTROL_STATUS => RecordKind::Status,
        CONTROL_SNAPSHOT => RecordKind::Snapshot,
        _ => return Expectation::Refusal(status::INVALID_DEVICE_REQUEST),
    };
    let Ok(request) = Request::read_from_bytes(&control.input) else {
        return Expectation::Refusal(status::INFO_LENGTH_MISMATCH);
    };
    if request.reserved != [0; 6] {
        return Expectation::Refusal(status::INVALID_PARAMETER);
    }
    let room = control.output_length as usize;
    let header = size_of::<ReplyHeader>();
    match (kind, request.version) {
        (_, protocol::VERSION) | (RecordKind::Status, 0) if room < header => {
            Expectation::Refusal(status::BUFFER_TOO_SMALL)
        }
        (RecordKind::Status, 0) => Expectation::VersionHeader,
        (_, protocol::VERSION) => {
            if room < header + processors as usize * kind.record_size() {
                Expectation::Overflow(kind)
            } else {
                Expectation::Records(kind)
            }
        }
        _ => Expectation::Refusal(status::REVISION_MISMATCH),
    }
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

    /// Compares an answer with what a caller is to get.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub fn check(
        self,
        answer: &Answer<'_>,
        caller: Caller,
        processors: u32,
    ) -> Result<(), Mismatch> {
        let header = size_of::<ReplyHeader>();
        let (status, length) = match self {
            Self::Refusal(status) => (status, 0),
            Self::VersionHeader => (status::SUCCESS, header),
            Self::Overflow(_) => (status::BUFFER_OVERFLOW, header),
            Self::Records(kind) => (
                status::SUCCESS,
                header + processors as usize * kind.record_size(),
            ),
        };
        ensure!(
            answer.status == status,
            "status {:#010x} instead of {status:#010x}",
            answer.status
        );
        ensure!(
            answer.information == length as u64 && answer.output.len() == length,
            "{} bytes of information, {} of output, instead of {length}",
            answer.information,
            answer.output.len()
        );
        ensure!(
            answer.rest_untouched,
            "bytes behind the reply's {length} were changed"
        );
        match self {
            Self::Refusal(_) => Ok(()),
            Self::VersionHeader => reply::check_version_header(answer.output, processors),
            Self::Overflow(kind) => reply::check_overflow(answer.output, kind, caller, processors),
            Self::Records(kind) => reply::check_records(answer.output, kind, caller, processors),
        }
        .map_err(|Mismatch(what)| Mismatch(format!("{}: {what}", self.name())))
    }
}
