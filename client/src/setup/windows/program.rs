//! Programs of the system.

use std::ffi::OsStr;
use std::io;
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::system;
use crate::setup::failure::Failure;

/// A program to be run, from the system's own folder, whatever the search path says.
pub(super) struct Program {
    name: &'static str,
    command: Command,
}

impl Program {
    pub(super) fn of_system(name: &'static str) -> Result<Self, Failure> {
        let path = system::system_folder()?.join(name);
        if !path.is_file() {
            return Err(Failure::NotRun {
                program: name,
                reason: io::ErrorKind::NotFound.into(),
            });
        }
        let mut command = Command::new(path);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(Self { name, command })
    }

    pub(super) fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// A path without quotation marks, for a program that takes all that is left of its line.
    pub(super) fn rest_of_line(mut self, path: &Path) -> Self {
        self.command.raw_arg(path);
        self
    }

    /// Runs it to its end, and returns the exit code, which has to be one of these.
    pub(super) fn run(mut self, done: &[u32]) -> Result<u32, Failure> {
        let program = self.name;
        let status = self.command.status();
        let status = status.map_err(|reason| Failure::NotRun { program, reason })?;
        // Windows has no other end of a process than an exit code.
        let code = status.code().map_or(u32::MAX, i32::cast_unsigned);
        if done.contains(&code) {
            Ok(code)
        } else {
            Err(Failure::Program { program, code })
        }
    }
}
