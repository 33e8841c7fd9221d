//! What is expected of the driver for a call, and the comparison with its answer.
//!
//! Nothing that happens at the same time changes what is expected, with two exceptions
//! that the caller of this module knows about: a handle that is closed meanwhile, and
//! a driver that is unloaded meanwhile.

use alloc::format;

use lab_wire::{Access, Token};
use protocol::random::{Control, Expectation};
use protocol::status;

use crate::answer::{Answer, Caller, Mismatch, ensure};
use crate::{Path, reply};

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
    let Access { read, write } = caller.access;
    control.expectation(read, write, processors)
}

/// Compares an answer with what a caller is to get.
///
/// # Errors
///
/// The first difference.
pub fn check(
    expected: Expectation,
    answer: &Answer<'_>,
    caller: Caller,
    processors: u32,
) -> Result<(), Mismatch> {
    let (status, length) = expected.answer(processors);
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
    match expected {
        Expectation::Refusal(_) => Ok(()),
        Expectation::VersionHeader => reply::check_version_header(answer.output, processors),
        Expectation::Overflow(kind) => {
            reply::check_overflow(answer.output, kind, caller, processors)
        }
        Expectation::Records(kind) => reply::check_records(answer.output, kind, caller, processors),
    }
    .map_err(|Mismatch(what)| Mismatch(format!("{}: {what}", expected.name())))
}
