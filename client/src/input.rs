//! Files and standard input: what they are is decided here, by what they contain, and read.
//!
//! Tried in order are JSON, VMCB pages and save areas of SEV-ES guests, the dumps that KVM, Xen and
//! QEMU print, and pages in hexadecimal. Knows nothing of commands.

mod dumps;
pub(crate) mod encoding;
mod hex;
pub(crate) mod listing;
mod pages;
mod unrecognised;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use amd_svm::vmcb::VMCB_SIZE;

use crate::model::{Error, FileError, Format, LARGEST_FILE, Layout, Snapshot};
use crate::render::json;

/// What stands for standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// What was read, and what is good to know about it.
pub(crate) struct Reading {
    pub(crate) snapshot: Snapshot,
    /// A line each: what the source does not say, and what else it has.
    pub(crate) notes: Vec<String>,
}

impl Reading {
    /// Says that the source has something else, too.
    fn note_on(other: Format) -> String {
        format!(
            "not shown, and in the file too, {}: --format {other} reads that",
            other.title()
        )
    }
}

impl From<Snapshot> for Reading {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            notes: Vec::new(),
        }
    }
}

/// Reads a file, as [`Snapshot::open_as`] does.
pub(crate) fn open(path: &Path, format: Option<Format>) -> Result<Reading, Error> {
    read(path)
        .and_then(|bytes| parse(&bytes, format))
        .map_err(|reason| Error::file(path, reason))
}

impl Snapshot {
    /// Reads a file that [`to_json`](Self::to_json) or [`to_pages`](Self::to_pages) made, on this
    /// machine or another, or anything else of a [`Format`]. `-` stands for standard input.
    ///
    /// # Errors
    ///
    /// [`Error::File`] with the path and what is wrong with it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_as(path, None)
    }

    /// The same of a file that is of a format, whatever it looks like.
    ///
    /// # Errors
    ///
    /// As of [`open`](Self::open).
    pub fn open_as(path: impl AsRef<Path>, format: Option<Format>) -> Result<Self, Error> {
        Ok(open(path.as_ref(), format)?.snapshot)
    }

    /// Reads what such a file contains.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Memory is bounded by a small multiple of the input's length.
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        Self::parse_as(bytes, None)
    }

    /// The same of bytes that are of a format, whatever they look like.
    ///
    /// # Errors
    ///
    /// As of [`parse`](Self::parse).
    pub fn parse_as(bytes: &[u8], format: Option<Format>) -> Result<Self, FileError> {
        Ok(parse(bytes, format)?.snapshot)
    }
}

fn parse(bytes: &[u8], format: Option<Format>) -> Result<Reading, FileError> {
    match format {
        None => recognise(bytes),
        Some(Format::Vmcb) => pages::read_as(bytes, Layout::Vmcb).map(Reading::from),
        Some(Format::Vmsa) => pages::read_as(bytes, Layout::Vmsa).map(Reading::from),
        Some(format) => {
            let text = encoding::text(bytes).ok_or(FileError::NotText)?;
            match format {
                Format::Json => parse_json(&text).map(Reading::from),
                Format::Hex => hex::read(&text.lossy())?.ok_or(FileError::NoDump(format)),
                dump => dumps::read(&text.lossy(), &[dump])?.ok_or(FileError::NoDump(format)),
            }
        }
    }
}

/// Decides what the bytes are.
fn recognise(bytes: &[u8]) -> Result<Reading, FileError> {
    if bytes.is_empty() {
        return Err(FileError::Empty);
    }
    if let Some(known) = unrecognised::by_beginning(bytes) {
        return Err(known);
    }
    let Some(text) = encoding::text(bytes) else {
        let pages = pages::read(bytes).map(Reading::from);
        return pages.map_err(|error| unrecognised::of_bytes(bytes, error));
    };
    let Some(first) = text.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else {
        return Err(FileError::Empty);
    };
    if *first == b'{' {
        return parse_json(&text).map(Reading::from);
    }
    let lossy = text.lossy();
    if hex::is_all(&lossy)
        && let Some(reading) = hex::read(&lossy)?
    {
        return Ok(reading);
    }
    // A kernel's log begins with a bracket too.
    if let Some(mut reading) = dumps::read(&lossy, &[Format::Kvm, Format::Xen, Format::Qemu])? {
        if !matches!(hex::read(&lossy), Ok(None)) {
            reading.notes.push(Reading::note_on(Format::Hex));
        }
        return Ok(reading);
    }
    if let Some(reading) = hex::read(&lossy)? {
        return Ok(reading);
    }
    Err(unrecognised::of_text(&lossy))
}

fn parse_json(text: &encoding::Text) -> Result<Snapshot, FileError> {
    if text.is_padded() {
        return Err(FileError::Padded {
            padding: text.padding,
        });
    }
    json::parse_snapshot(&text.bytes)
}

/// The bytes of a file, or of standard input, if there are not too many.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    if path.as_os_str() == STANDARD_INPUT {
        return read_bounded(io::stdin().lock(), 0);
    }
    // Systems differ in what they say of one, and where.
    if path.is_dir() {
        return Err(FileError::Folder(
            "`client check FOLDER` reads all files of one",
        ));
    }
    let file = File::open(path)?;
    // Pipes and devices have none.
    let length = file.metadata().map_or(0, |file| file.len());
    read_bounded(file, length)
}

/// Reads all of it; `length` is what it probably has, so that the bytes need not be moved.
fn read_bounded(file: impl Read, length: u64) -> Result<Vec<u8>, FileError> {
    let room = usize::try_from(length.min(LARGEST_FILE)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(room);
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read > LARGEST_FILE) {
        return Err(FileError::TooLarge);
    }
    Ok(bytes)
}

/// The pages that some bytes are divided into, and what is left.
fn divide(bytes: &[u8]) -> (&[[u8; VMCB_SIZE]], &[u8]) {
    bytes.as_chunks()
}
