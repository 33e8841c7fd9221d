//! `selftest`: what this machine settles of docs/evidence.md, and what a file from elsewhere does.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::advice;
use crate::cli::command_line::SelfTestOptions;
use crate::cli::exit::Exit;
use crate::cli::run::{Answer, Streams};
use crate::driver_io::Device;
use crate::model::kernel_module::printable;
use crate::model::{DeviceError, Error, printable_path};
use crate::selftest::{self, Counts, Options, Record};

pub(super) fn selftest<'device>(
    options: &SelfTestOptions,
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    if !options.compare.is_empty() {
        return Ok(compare(&options.compare));
    }
    let mut host = None;
    let device = match open() {
        Ok(mut device) => {
            host = device.machine().host;
            Ok(device)
        }
        Err(error) if options.removed => Err(error.to_string()),
        // Nothing at all could be done.
        Err(error @ (DeviceError::NotWindows | DeviceError::MayResetHost(_))) => {
            return Err(error.into());
        }
        Err(error) => Err(advice::about_error(&error.into(), streams.command)),
    };
    let path = &options.file;
    let page_path = path.with_extension("html");
    if page_path == *path {
        let path = printable_path(path);
        let complaint = format!("{path}: the page goes there; name another file");
        return Ok(failure(Exit::Failed, complaint));
    }
    let (mut file, mut page) = new_files(path, &page_path)?;
    let run = Options {
        quick: options.quick,
        seed: options.seed.unwrap_or_else(seed),
        removed: options.removed,
    };
    let mut nowhere = io::sink();
    let record = selftest::run(
        selftest::this_machine().as_mut(),
        device,
        run,
        &mut |record| replace(path, &mut file, record.to_json()?.as_bytes()),
        if streams.quiet {
            &mut nowhere
        } else {
            streams.stdout
        },
    )?;
    replace(&page_path, &mut page, selftest::html(&record)?.as_bytes())?;
    let counts = record.counts();
    let place = host.map_or(String::new(), |host| format!(" on {}", printable(&host)));
    Ok(Answer {
        exit: exit(counts),
        ..Answer::text(format!(
            "{} passed, {} failed, {} not done{place}: {} and {} say more\n",
            counts.passed,
            counts.failed,
            counts.not_done,
            printable_path(path),
            printable_path(&page_path)
        ))
    })
}

/// Both files, or neither.
fn new_files(path: &Path, page_path: &Path) -> Result<(File, File), Error> {
    let file = new_file(path)?;
    match new_file(page_path) {
        Ok(page) => Ok((file, page)),
        Err(error) => {
            // Nothing was written into it.
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

/// A file that was not there: results are not written over others.
fn new_file(path: &Path) -> Result<File, Error> {
    File::create_new(path).map_err(|error| Error::file(path, error))
}

/// Writes a whole file, down to the disk, so that it is there after a crash of the system.
fn replace(path: &Path, file: &mut File, content: &[u8]) -> Result<(), Error> {
    let written = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.write_all(content))
        .and_then(|()| file.set_len(content.len() as u64))
        .and_then(|()| file.sync_all());
    written.map_err(|error| Error::file(path, error))
}

/// Another one each time; which one is told.
fn seed() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.subsec_nanos())
}

fn compare(paths: &[PathBuf]) -> Answer {
    let mut records = Vec::new();
    for path in paths {
        match Record::open(path) {
            Ok(record) => records.push((path.display().to_string(), record)),
            Err(reason) => {
                let complaint = format!("{}: {reason}", printable_path(path));
                return failure(Exit::BadFile, complaint);
            }
        }
    }
    let (text, counts) = selftest::compare(&records);
    Answer {
        exit: exit(counts),
        ..Answer::text(text)
    }
}

fn exit(counts: Counts) -> Exit {
    match counts {
        Counts { failed: 1.., .. } => Exit::Found,
        Counts { not_done: 1.., .. } => Exit::Incomplete,
        _ => Exit::Done,
    }
}

fn failure(exit: Exit, complaint: String) -> Answer {
    Answer {
        complaints: vec![complaint],
        exit,
        ..Answer::text("")
    }
}
