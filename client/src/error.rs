//! What can keep a question to the driver from being answered.

use std::path::{Path, PathBuf};

use protocol::MalformedReply;

use crate::{DeviceError, Driver, FileError, ProcessorId, UnknownProcessor};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device was not opened, or did not carry out the request.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Driver and client are of different ages.
    #[error(
        "the driver ({0}) and this client (protocol {own}) do not understand each other",
        own = protocol::VERSION
    )]
    OtherProtocol(Driver),
    /// The driver sent something that is no reply.
    #[error("the driver's reply makes no sense: {0}")]
    Malformed(#[from] MalformedReply),
    /// The driver sent a reply about no processor.
    #[error("the driver's reply is about no processor")]
    NoProcessors,
    /// The driver sent two records about one processor.
    #[error("the driver's reply has two records about processor {0}")]
    Repeated(ProcessorId),
    /// The driver wants a buffer larger than any machine can need.
    #[error("the driver's reply does not fit into {limit} bytes")]
    TooLarge {
        /// Size in bytes of the largest buffer that was, or would have been, tried.
        limit: usize,
    },
    /// The caller named a processor that does not exist.
    #[error(transparent)]
    UnknownProcessor(#[from] UnknownProcessor),
    /// The snapshot has no cycles to sum up.
    #[error("the snapshot was saved without the cycles that it took")]
    NoCycles,
    /// The answer could not be put into JSON.
    #[error("no JSON can be made of the answer: {0}")]
    Json(#[from] serde_json::Error),
    /// The answer could not be put into comma-separated values.
    #[error("no CSV can be made of the answer: {0}")]
    Csv(#[from] csv::Error),
    /// The answer could not be put into a page.
    #[error("no page can be made of the answer: {0}")]
    Page(#[from] askama::Error),
    /// What was printed along the way did not reach its reader.
    #[error("the output cannot be written: {0}")]
    Output(std::io::Error),
    /// A file was not read or written.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: FileError,
    },
}

impl Error {
    pub(crate) fn file(path: &Path, reason: impl Into<FileError>) -> Self {
        Self::File {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
