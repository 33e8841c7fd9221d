//! `install` and `uninstall`: what is said of them.

use std::io::Write;

use crate::cli::advice;
use crate::cli::command_line::{InstallOptions, UninstallOptions};
use crate::cli::exit::Exit;
use crate::cli::run::Answer;
use crate::model::Error;
use crate::setup::{self, Refusal, Trouble};

pub(super) fn install(options: InstallOptions, said: &mut dyn Write) -> Result<Answer, Error> {
    let mut machine = setup::this_machine()?;
    let options = setup::Options {
        package: options.package,
        dry_run: options.dry_run,
        test_signing: options.test_signing,
        without_svm: options.without_svm,
    };
    Ok(answer(setup::install(machine.as_mut(), &options, said)))
}

pub(super) fn uninstall(options: &UninstallOptions, said: &mut dyn Write) -> Result<Answer, Error> {
    let mut machine = setup::this_machine()?;
    Ok(answer(setup::uninstall(
        machine.as_mut(),
        options.dry_run,
        said,
    )))
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
