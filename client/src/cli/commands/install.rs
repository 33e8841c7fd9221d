//! `install` and `uninstall`: what is said of them.

use std::io::{self, Write};

use crate::cli::advice;
use crate::cli::command_line::{InstallOptions, UninstallOptions};
use crate::cli::exit::Exit;
use crate::cli::run::{Answer, Streams};
use crate::model::Error;
use crate::setup::{self, Refusal, Trouble};

pub(super) fn install(options: InstallOptions, streams: &mut Streams) -> Result<Answer, Error> {
    let mut machine = setup::this_machine()?;
    let dry_run = options.dry_run;
    let options = setup::Options {
        package: options.package,
        dry_run: options.dry_run,
        test_signing: options.test_signing,
        without_svm: options.without_svm,
    };
    Ok(telling(dry_run, streams, |said| {
        setup::install(machine.as_mut(), &options, said)
    }))
}

pub(super) fn uninstall(
    options: &UninstallOptions,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let mut machine = setup::this_machine()?;
    Ok(telling(options.dry_run, streams, |said| {
        setup::uninstall(machine.as_mut(), options.dry_run, said)
    }))
}

/// Takes the steps, and tells them where that is wanted: of a dry run they are the result.
fn telling(
    dry_run: bool,
    streams: &mut Streams,
    take: impl FnOnce(&mut dyn Write) -> Result<(), Trouble>,
) -> Answer {
    answer(if streams.quiet && !dry_run {
        take(&mut io::sink())
    } else {
        take(streams.stdout)
    })
}

/// Everything that was done has been told; what is left is what was not.
fn answer(result: Result<(), Trouble>) -> Answer {
    let complaints = match result {
        Ok(()) => return Answer::text(""),
        Err(Trouble::Failed(lines)) => lines,
        Err(Trouble::Refused(refusals)) => {
            let mut lines: Vec<_> = refusals.iter().map(about).collect();
            lines.push("nothing was changed".to_owned());
            lines
        }
    };
    Answer {
        complaints,
        exit: Exit::Failed,
        ..Answer::text("")
    }
}

fn about(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Hypervisor(name) => advice::about_hypervisor(Some(name)),
        other => other.to_string(),
    }
}
