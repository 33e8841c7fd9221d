//! What the driver promises for a call, and the comparison with its answer.
//!
//! Nothing that happens at the same time changes a promise, with two exceptions
//! that the caller of this module knows about: a handle that somebody closes, and
//! a driver that somebody unloads.

use alloc::format;
use alloc::string::String;

use lab_wire::{Access, Token};
use protocol::{
    CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader, Request, SnapshotRecord, StatusRecord,
};
use zerocopy::FromBytes;

use crate::reply;
use crate::{Control, Path};

/// The NTSTATUS values of the promises.
pub mod status {
    /// `STATUS_SUCCESS`.
    pub const SUCCESS: u32 = 0;
    /// `STATUS_BUFFER_OVERFLOW`.
    pub const BUFFER_OVERFLOW: u32 = 0x8000_0005;
    /// `STATUS_INFO_LENGTH_MISMATCH`.
    pub const INFO_LENGTH_MISMATCH: u32 = 0xC000_0004;
    /// `STATUS_INVALID_PARAMETER`.
    pub const INVALID_PARAMETER: u32 = 0xC000_000D;
    /// `STATUS_INVALID_DEVICE_REQUEST`.
    pub const INVALID_DEVICE_REQUEST: u32 = 0xC000_0010;
    /// `STATUS_ACCESS_DENIED`.
    pub const ACCESS_DENIED: u32 = 0xC000_0022;
    /// `STATUS_BUFFER_TOO_SMALL`.
    pub const BUFFER_TOO_SMALL: u32 = 0xC000_0023;
    /// `STATUS_OBJECT_NAME_INVALID`.
    pub const OBJECT_NAME_INVALID: u32 = 0xC000_0033;
    /// `STATUS_OBJECT_NAME_NOT_FOUND`.
    pub const OBJECT_NAME_NOT_FOUND: u32 = 0xC000_0034;
    /// `STATUS_REVISION_MISMATCH`.
    pub const REVISION_MISMATCH: u32 = 0xC000_0059;
}

/// A promise that was not kept, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(pub String);

/// Fails with words unless a condition holds.
macro_rules! promise {
    ($kept:expr, $($words:tt)+) => {
        if !$kept {
            return Err($crate::Broken(alloc::format!($($words)+)));
        }
    };
}
pub(crate) use promise;

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// What the handle was opened for.
    pub access: Access,
    /// Who opened it.
    pub token: Token,
}

/// What came of a control code.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// `IoStatus.Status`.
    pub status: u32,
    /// `IoStatus.Information`.
    pub information: u64,
    /// What the caller gets.
    pub output: &'a [u8],
    /// Whether the system buffer is as it was, behind what the caller gets.
    pub rest_untouched: bool,
}

/// What a control code must be answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// Nothing but a status.
    Refusal(u32),
    /// The header alone, to a client of any version.
    Introduction,
    /// The header alone, since there is no room for more.
    Overflow(Survey),
    /// A record for each processor.
    Records(Survey),
}

/// What is asked of each processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survey {
    /// [`StatusRecord`].
    Status,
    /// [`SnapshotRecord`].
    Snapshot,
}

impl Survey {
    /// Bytes of a record.
    #[must_use]
    pub const fn record_size(self) -> usize {
        match self {
            Self::Status => size_of::<StatusRecord>(),
            Self::Snapshot => size_of::<SnapshotRecord>(),
        }
    }
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
pub fn of_control(control: &Control, caller: Caller, processors: u32) -> Promise {
    const DEMANDS_READ: u32 = 1 << 14;
    const DEMANDS_WRITE: u32 = 2 << 14;
    let Access { read, write } = caller.access;
    if control.code & DEMANDS_READ != 0 && !read || control.code & DEMANDS_WRITE != 0 && !write {
        return Promise::Refusal(status::ACCESS_DENIED);
    }
    let survey = match control.code {
        CONTROL_STATUS => Survey::Status,
        CONTROL_SNAPSHOT => Survey::Snapshot,
        _ => return Promise::Refusal(status::INVALID_DEVICE_REQUEST),
    };
    let Ok(request) = Request::read_from_bytes(&control.input) else {
        return Promise::Refusal(status::INFO_LENGTH_MISMATCH);
    };
    if request.reserved != [0; 6] {
        return Promise::Refusal(status::INVALID_PARAMETER);
    }
    let room = control.output_length as usize;
    let header = size_of::<ReplyHeader>();
    match (survey, request.version) {
        (_, protocol::VERSION) | (Survey::Status, 0) if room < header => {
            Promise::Refusal(status::BUFFER_TOO_SMALL)
        }
        (Survey::Status, 0) => Promise::Introduction,
        (_, protocol::VERSION) => {
            if room < header + processors as usize * survey.record_size() {
                Promise::Overflow(survey)
            } else {
                Promise::Records(survey)
            }
        }
        _ => Promise::Refusal(status::REVISION_MISMATCH),
    }
}

impl Promise {
    /// What kind of call it was, for statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refusal(_) => "control code refused",
            Self::Introduction => "header for any version",
            Self::Overflow(_) => "no room for records",
            Self::Records(Survey::Status) => "status of all processors",
            Self::Records(Survey::Snapshot) => "snapshot of all processors",
        }
    }

    /// Compares an answer with what was promised to a caller.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub fn check(self, answer: &Answer<'_>, caller: Caller, processors: u32) -> Result<(), Broken> {
        let header = size_of::<ReplyHeader>();
        let (status, length) = match self {
            Self::Refusal(status) => (status, 0),
            Self::Introduction => (status::SUCCESS, header),
            Self::Overflow(_) => (status::BUFFER_OVERFLOW, header),
            Self::Records(survey) => (
                status::SUCCESS,
                header + processors as usize * survey.record_size(),
            ),
        };
        promise!(
            answer.status == status,
            "status {:#010x} instead of {status:#010x}",
            answer.status
        );
        promise!(
            answer.information == length as u64 && answer.output.len() == length,
            "{} bytes of information, {} of output, instead of {length}",
            answer.information,
            answer.output.len()
        );
        promise!(
            answer.rest_untouched,
            "bytes behind the reply's {length} were changed"
        );
        match self {
            Self::Refusal(_) => Ok(()),
            Self::Introduction => reply::check_introduction(answer.output, processors),
            Self::Overflow(survey) => {
                reply::check_overflow(answer.output, survey, caller, processors)
            }
            Self::Records(survey) => {
                reply::check_records(answer.output, survey, caller, processors)
            }
        }
        .map_err(|Broken(words)| Broken(format!("{}: {words}", self.name())))
    }
}
