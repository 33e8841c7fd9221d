//! How the program ends, as other programs see it.

use crate::model::{DeviceError, Error, FileError};

/// An exit code. The numbers are part of the program's interface, as its help text says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Everything that was asked for was done.
    Done = 0,
    /// Something else failed.
    Failed = 1,
    /// The command line makes no sense on this machine.
    Usage = 2,
    /// The driver was not found.
    NotFound = 3,
    /// The driver is not for this caller.
    AccessDenied = 4,
    /// No processor of this machine lets VMSAVE be used.
    Unavailable = 5,
    /// There are findings, differences, or steps that failed.
    Found = 6,
    /// Nothing was found or failed, and nothing differs; but not everything was judged, compared or
    /// done.
    Incomplete = 7,
    /// A file cannot be read or written, or is not what was asked for.
    BadFile = 8,
}

impl Exit {
    /// That of two which tells of more: the numbers are in that order where snapshots are shown.
    pub(crate) fn worse(self, other: Self) -> Self {
        if u8::from(other) > u8::from(self) {
            other
        } else {
            self
        }
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::Device(
                DeviceError::NotFound
                | DeviceError::NotInstalled
                | DeviceError::NotStarted
                | DeviceError::NotWindows,
            ) => Self::NotFound,
            Error::Device(DeviceError::AccessDenied) => Self::AccessDenied,
            Error::UnknownProcessor(_)
            | Error::OneSnapshot
            | Error::File {
                reason: FileError::ReadTwice,
                ..
            } => Self::Usage,
            Error::File { .. } => Self::BadFile,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        exit as Self
    }
}
