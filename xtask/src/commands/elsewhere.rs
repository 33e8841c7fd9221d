//! `--in SUITE`: a command run in a bare system of another release, as a newcomer would.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use wdk_linux::host::Workspace;

use super::program;
use crate::chroot::{Chroot, Crates, Suite};

/// The options of every command that can be run elsewhere.
#[derive(clap::Args)]
pub(crate) struct Elsewhere {
    /// Do it in a bare system of this release that is made for it, packages and targets from
    /// nothing; needs root
    #[arg(long = "in", id = "in", value_name = "SUITE")]
    suite: Option<Suite>,

    /// Give that system the crates that were downloaded here
    #[arg(long, requires = "in")]
    with_crates: bool,
}

impl Elsewhere {
    /// Runs this very command line there, if that was asked for; its exit code is the command's.
    pub(crate) fn run(&self, workspace: &Workspace) -> Option<Result<ExitCode>> {
        let suite = self.suite?;
        let crates = if self.with_crates {
            Crates::Copied
        } else {
            Crates::Downloaded
        };
        Some(run(workspace, suite, crates))
    }
}

fn run(workspace: &Workspace, suite: Suite, crates: Crates) -> Result<ExitCode> {
    let arguments = without_place(env::args_os().skip(1));
    let chroot = Chroot::make(workspace, suite, crates)?;
    let status = chroot.xtask(&arguments)?;
    if status.success() {
        chroot.clear()?;
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("left for a look: {}", chroot.root().display());
    Ok(program::code_of(status))
}

/// A command line without the options of [`Elsewhere`]. Arguments after `--` go to the client.
fn without_place(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") => {
                kept.push(argument);
                kept.extend(arguments);
                break;
            }
            Some("--in") => drop(arguments.next()),
            Some("--with-crates") => {}
            Some(other) if other.starts_with("--in=") => {}
            _ => kept.push(argument),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_taken_out_of_a_command_line() {
        for (line, kept) in [
            ("test --in trixie", "test"),
            ("test --with-crates --in=trixie", "test"),
            (
                "demo --in trixie --cpus 2 -- show --in",
                "demo --cpus 2 -- show --in",
            ),
            ("demo --cpus 2", "demo --cpus 2"),
        ] {
            let words = line.split(' ').map(OsString::from);
            let kept: Vec<OsString> = kept.split(' ').map(OsString::from).collect();
            assert_eq!(without_place(words), kept, "{line}");
        }
    }
}
