//! `save` and `report`: what is written to a file.

use std::fs;
use std::path::Path;

use super::{Origin, answer};
use crate::cli::command_line::{ReportOptions, SaveOptions};
use crate::cli::run::Answer;
use crate::model::Error;
use crate::{checks, render};

pub(super) fn save(options: &SaveOptions, mut origin: Origin) -> Result<Answer, Error> {
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
    write(&options.file, &bytes)?;
    Ok(answer(String::new(), &machine, &snapshot, &mut origin))
}

pub(super) fn report(options: &ReportOptions, mut origin: Origin) -> Result<Answer, Error> {
    let (mut snapshot, machine) = origin.whole()?;
    if options.anonymous {
        snapshot.make_anonymous();
    }
    let shown = machine.select(&options.source.processors)?;
    if !machine.refuses {
        let page = render::html(&snapshot, &checks::check(&snapshot), &shown)?;
        write(&options.file, page.as_bytes())?;
    }
    Ok(answer(String::new(), &machine, &snapshot, &mut origin))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(|error| Error::file(path, error))
}
