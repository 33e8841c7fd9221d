//! Snapshots as files: JSON, or the bare VMCB pages.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use amd_svm::vmcb::{VMCB_SIZE, VmsaveState};

use super::{Capture, ProcessorSnapshot, Snapshot};
use crate::{Error, ProcessorId, json};

/// Five times what 4096 processors take.
const LARGEST_FILE: u64 = 64 << 20;

/// Why a file is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system did not open, read or write it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is too large to be a snapshot.
    #[error("it is larger than {} MiB: no snapshot is", LARGEST_FILE >> 20)]
    TooLarge,
    /// It is neither a row of VMCB pages nor JSON of the right form.
    #[error("it is no snapshot: {0}")]
    NotJson(#[from] serde_json::Error),
    /// It is JSON of another age.
    #[error("its schema is {found}, and this client reads schema {}", json::SCHEMA)]
    OtherSchema {
        /// What the file says.
        found: u32,
    },
    /// It has bytes that are not text, and is no row of VMCB pages.
    #[error(
        "it is no snapshot: {length} bytes that are neither JSON nor a multiple of {VMCB_SIZE}"
    )]
    PartialPage {
        /// Length in bytes.
        length: usize,
    },
    /// It is about no processor.
    #[error("it is about no processor")]
    NoProcessors,
    /// It says two things about one processor.
    #[error("it has two entries about processor {0}")]
    Repeated(ProcessorId),
    /// It says nothing, or two contrary things, about a processor.
    #[error("it has neither `vmsave` nor `error` about processor {0}, or both")]
    Ambiguous(ProcessorId),
    /// The snapshot cannot be written as pages.
    #[error(
        "a file of pages cannot say that processor {0} has none: save JSON, or name the other \
         processors with -p"
    )]
    NoPage(ProcessorId),
}

impl Snapshot {
    /// Reads a file that [`to_json`](Self::to_json) or [`to_pages`](Self::to_pages) made, on this
    /// machine or another, or VMCB pages from elsewhere. `-` stands for standard input.
    ///
    /// # Errors
    ///
    /// [`Error::File`] with the path and what is wrong with it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        read(path)
            .and_then(|bytes| Self::parse(&bytes))
            .map_err(|reason| Error::file(path, reason))
    }

    /// Reads what such a file contains.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Memory is bounded by a small multiple of the input's length.
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        // A VMCB has reserved bytes that are zero, and JSON has no zeros.
        if !bytes.contains(&0) {
            return json::parse_snapshot(bytes);
        }
        let (pages, []) = bytes.as_chunks::<VMCB_SIZE>() else {
            return Err(FileError::PartialPage {
                length: bytes.len(),
            });
        };
        Ok(Self {
            processors: (0..).zip(pages).map(from_page).collect(),
            ..Self::default()
        })
    }

    /// The JSON form: what `show --json --full` prints, with nothing left out.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], if memory is short.
    pub fn to_json(&self) -> Result<String, Error> {
        json::snapshot(self, json::Detail::Full)
    }

    /// A VMCB page for each processor, by index, with zeros where VMSAVE does not write.
    ///
    /// # Errors
    ///
    /// [`FileError::NoPage`] if a processor has no capture.
    pub fn to_pages(&self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::with_capacity(self.processors.len() * VMCB_SIZE);
        for processor in &self.processors {
            let capture = processor
                .result
                .map_err(|_| FileError::NoPage(processor.id))?;
            let mut page = [0; VMCB_SIZE];
            capture.vmsave.write_to(&mut page);
            bytes.extend_from_slice(&page);
        }
        Ok(bytes)
    }
}

/// A page by itself does not say whose it is: processors are counted from 0.
fn from_page((index, page): (u32, &[u8; VMCB_SIZE])) -> ProcessorSnapshot {
    ProcessorSnapshot {
        id: ProcessorId::in_full_groups(index),
        result: Ok(Capture {
            circumstances: None,
            vmsave: VmsaveState::read_from(page),
            witness: None,
        }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    if path.as_os_str() == "-" {
        return read_bounded(io::stdin().lock());
    }
    read_bounded(File::open(path)?)
}

fn read_bounded(file: impl Read) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read > LARGEST_FILE) {
        return Err(FileError::TooLarge);
    }
    Ok(bytes)
}
