//! Snapshots of many machines, one after the other: memory for one, whatever their number, and no
//! file that is in the way of the others.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::advice;
use crate::cli::command_line::Files;
use crate::cli::run::{Streams, complain};
use crate::cli::terminal::CLEAR_LINE;
use crate::input::{self, listing};
use crate::model::{Error, FileError, Format, Snapshot, printable_path};
use crate::render::json;

/// How many snapshots lie between two signs of progress.
const STRIDE: usize = 16;

/// What is read, and how it is told.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) files: &'a Files,
    pub(super) format: Option<Format>,
    /// What cannot be read is told in a line of JSON too.
    pub(super) jsonl: bool,
    /// Neither the hosts nor the files, which are often named after them, are named.
    pub(super) anonymous: bool,
}

impl Input<'_> {
    /// What a file goes by in the output; it is the one of this number, from 1.
    fn name(self, path: &Path, number: usize) -> String {
        if self.anonymous {
            format!("machine-{number}")
        } else {
            path.display().to_string()
        }
    }
}

/// How far the files were read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Read {
    /// Files that could not be.
    pub(super) unread: usize,
    /// The reader of the output went away before the last file.
    pub(super) is_cut_off: bool,
}

/// The only file that is meant; none if there may be several.
pub(super) fn single(files: &Files) -> Option<&PathBuf> {
    match files.paths.as_slice() {
        [path] if !listing::may_be_many(path) => Some(path),
        _ => None,
    }
}

/// Calls `each` with every snapshot and the name that its file goes by, and returns how far that
/// went. What is wrong with one is told, and the next one follows; if the output cannot be written
/// that is the end, and if its reader has seen enough a quiet one.
pub(super) fn each(
    input: Input,
    streams: &mut Streams,
    mut each: impl FnMut(String, Snapshot, &mut Streams) -> Result<(), Error>,
) -> Result<Read, Error> {
    let mut read = Read::default();
    for (count, path) in listing::files(&input.files.paths).enumerate() {
        if count.is_multiple_of(STRIDE) {
            show(count, streams);
        }
        let number = count + 1;
        let done = path.and_then(|path| {
            let reading = input::open(&path, input.format)?;
            if !streams.quiet {
                for note in reading.notes {
                    tell(&format!("{}: {note}", printable_path(&path)), streams);
                }
            }
            let mut snapshot = reading.snapshot;
            if input.anonymous {
                snapshot.make_anonymous();
            }
            each(input.name(&path, number), snapshot, streams).map_err(|error| match error {
                // These say themselves where it was.
                Error::Output(_) | Error::File { .. } => error,
                other => Error::file(&path, FileError::NotFit(other.to_string())),
            })
        });
        let told = match done {
            Err(error) if !matches!(error, Error::Output(_)) => {
                read.unread += 1;
                tell_unread(&error, input, number, streams)
            }
            done => done,
        };
        match told {
            Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                read.is_cut_off = true;
                break;
            }
            told => told?,
        }
    }
    clear(streams);
    Ok(read)
}

/// Tells that a file could not be read: who reads standard error learns which it is.
fn tell_unread(
    error: &Error,
    input: Input,
    number: usize,
    streams: &mut Streams,
) -> Result<(), Error> {
    tell(&advice::about_error(error, streams.command), streams);
    if !input.jsonl {
        return Ok(());
    }
    let (file, message) = match error {
        Error::File { path, reason } => (Some(input.name(path, number)), reason.to_string()),
        other => (None, other.to_string()),
    };
    write(&json::unread(file, message)?, streams)
}

/// Tells what is to be known of one of the snapshots, on standard error.
pub(super) fn tell(complaint: &str, streams: &mut Streams) {
    clear(streams);
    complain(streams.stderr, complaint);
}

/// Writes what belongs to one snapshot.
pub(super) fn write(output: &str, streams: &mut Streams) -> Result<(), Error> {
    streams
        .stdout
        .write_all(output.as_bytes())
        .map_err(Error::Output)
}

/// On a terminal, how far it is. That it cannot be shown is no failure.
fn show(count: usize, streams: &mut Streams) {
    if streams.terminal.shows_progress {
        let _ = write!(streams.stderr, "{CLEAR_LINE}{count} files");
        let _ = streams.stderr.flush();
    }
}

fn clear(streams: &mut Streams) {
    if streams.terminal.shows_progress {
        let _ = streams.stderr.write_all(CLEAR_LINE.as_bytes());
    }
}
