//! Snapshots of many machines, one after the other: memory for one, whatever their number, and no
//! file that is in the way of the others.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::advice;
use crate::cli::command_line::Files;
use crate::cli::run::{Streams, complain};
use crate::cli::terminal::CLEAR_LINE;
use crate::input::{self, STANDARD_INPUT, listing};
use crate::model::{Error, FileError, Format, Snapshot, printable_path};
use crate::render::json;

/// How many snapshots lie between two signs of progress.
const STRIDE: usize = 16;

/// What is read, and how what cannot be read is told.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) files: &'a Files,
    pub(super) format: Option<Format>,
    /// In a line of JSON too.
    pub(super) jsonl: bool,
}

/// The only file that is meant; none if there may be several.
pub(super) fn single(files: &Files) -> Option<&PathBuf> {
    match files.paths.as_slice() {
        [path] if !listing::may_be_many(path) => Some(path),
        _ => None,
    }
}

/// Calls `each` with every snapshot and the name of its file, and returns how many files could not be
/// read. What is wrong with one is told, and the next one follows; if the output cannot be written
/// that is the end, and if its reader has seen enough a quiet one.
pub(super) fn each(
    input: Input,
    streams: &mut Streams,
    mut each: impl FnMut(&Path, Snapshot, &mut Streams) -> Result<(), Error>,
) -> Result<usize, Error> {
    let mut unread = 0;
    let mut has_read_input = false;
    for (count, path) in listing::files(&input.files.paths).enumerate() {
        if count.is_multiple_of(STRIDE) {
            show(count, streams);
        }
        let done = path.and_then(|path| {
            let is_input = path.as_os_str() == STANDARD_INPUT;
            if is_input && std::mem::replace(&mut has_read_input, true) {
                return Err(Error::file(&path, FileError::ReadTwice));
            }
            let reading = input::open(&path, input.format)?;
            if !streams.quiet {
                for note in reading.notes {
                    clear(streams);
                    complain(
                        streams.stderr,
                        &format!("{}: {note}", printable_path(&path)),
                    );
                }
            }
            let snapshot = reading.snapshot;
            each(&path, snapshot, streams).map_err(|error| match error {
                // These say themselves where it was.
                Error::Output(_) | Error::File { .. } => error,
                other => Error::file(&path, FileError::NotFit(other.to_string())),
            })
        });
        let told = match done {
            Err(error) if !matches!(error, Error::Output(_)) => {
                unread += 1;
                clear(streams);
                complain(streams.stderr, &advice::about_error(&error));
                if input.jsonl {
                    json::unread(&error).and_then(|line| write(&line, streams))
                } else {
                    Ok(())
                }
            }
            done => done,
        };
        match told {
            Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => break,
            told => told?,
        }
    }
    clear(streams);
    Ok(unread)
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
