//! `save` and `report`: what is written to a file.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::{Origin, answer};
use crate::cli::command_line::{ReportOptions, SaveOptions};
use crate::cli::run::{Answer, Streams};
use crate::model::{Error, FileError, Snapshot, fold};
use crate::{checks, render};

pub(super) fn save(
    options: &SaveOptions,
    mut origin: Origin,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let (mut snapshot, machine) = origin.snapshot(&options.source.processors)?;
    if options.anonymous {
        snapshot.make_anonymous();
    }
    if machine.refuses {
        return Ok(answer(String::new(), &machine, &snapshot, &mut origin));
    }
    let bytes = if options.raw {
        let pages = snapshot.to_pages();
        pages.map_err(|reason| Error::file(&options.file, reason))?
    } else {
        snapshot.to_json()?.into_bytes()
    };
    write(&options.file, &bytes, streams)?;
    let mut answer = answer(String::new(), &machine, &snapshot, &mut origin);
    if options.raw {
        answer.notes.extend(numbering(&snapshot));
    }
    Ok(answer)
}

/// Which pages of a file are whose, where they do not have the numbers of their processors.
fn numbering(snapshot: &Snapshot) -> Option<String> {
    let ids = || snapshot.processors.iter().map(|one| one.id);
    if ids().zip(0..).all(|(id, page)| id.index == page) {
        return None;
    }
    let place = fold::processors(ids());
    Some(match snapshot.processors.len() {
        1 => format!("{place} is page 0 of the file"),
        pages => format!("{place} are pages 0-{} of the file", pages - 1),
    })
}

pub(super) fn report(
    options: &ReportOptions,
    mut origin: Origin,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let (mut snapshot, machine) = origin.whole()?;
    if options.anonymous {
        snapshot.make_anonymous();
    }
    let shown = machine.select(&options.source.processors)?;
    if !machine.refuses {
        let page = render::html(&snapshot, &checks::check(&snapshot), &shown)?;
        write(&options.file, page.as_bytes(), streams)?;
    }
    Ok(answer(String::new(), &machine, &snapshot, &mut origin))
}

/// What is going to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Snapshot,
    Page,
}

/// Whether a file may be written: not if there is one already that this would not have written, or if
/// its name says that it is meant to be a snapshot and it would be a page, unless the user insists.
pub(super) fn check_target(path: &Path, force: bool, kind: Kind) -> Result<(), Error> {
    if force || is_standard_output(path) {
        return Ok(());
    }
    // What is no regular file is not lost, and may have no end.
    let has_content = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0);
    if has_content && !(kind == Kind::Page && is_page(path)) {
        return Err(Error::file(path, FileError::WouldReplace));
    }
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    let is = |names: &[&str]| {
        let mut names = names.iter();
        names.any(|name| extension.as_deref().is_some_and(|one| one == *name))
    };
    let other = match kind {
        Kind::Page if is(&["json", "vmcb", "vmsa"]) => Some(("a snapshot", "an HTML page")),
        Kind::Snapshot if is(&["html", "htm"]) => Some(("an HTML page", "a snapshot")),
        _ => None,
    };
    match other {
        Some((named, written)) => Err(Error::file(path, FileError::OtherName(named, written))),
        None => Ok(()),
    }
}

/// Whether a file begins as every page of `report` does.
fn is_page(path: &Path) -> bool {
    const TITLE: &[u8] = b"<title>svmsave report";
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1024).read_to_end(&mut begin));
    read.is_ok() && begin.windows(TITLE.len()).any(|part| part == TITLE)
}

fn is_standard_output(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn write(path: &Path, bytes: &[u8], streams: &mut Streams) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::file(path, FileError::Folder("name a file in it")));
    }
    if !is_standard_output(path) {
        return fs::write(path, bytes).map_err(|error| Error::file(path, error));
    }
    match streams.stdout.write_all(bytes) {
        // The reader has seen what it wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}
