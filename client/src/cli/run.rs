//! The whole program, but for the process around it.

use std::ffi::OsString;
use std::io::{self, Write};

use super::command_line::{Instead, Request};
use super::exit::Exit;
use super::{Terminal, advice, command_line, commands};
use crate::driver_io::Device;
use crate::model::{DeviceError, Error};

/// Where a command that goes on for long writes while it does.
pub(crate) struct Streams<'a> {
    pub(crate) stdout: &'a mut dyn Write,
    pub(crate) stderr: &'a mut dyn Write,
    pub(crate) terminal: Terminal,
    /// Whether results alone are wanted.
    pub(crate) quiet: bool,
    /// The command's name.
    pub(crate) command: &'a str,
}

/// What the program has to say.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For standard output: data.
    pub(crate) output: String,
    /// For standard error: a line each for what went wrong.
    pub(crate) complaints: Vec<String>,
    /// For standard error too: what is good to know about the output.
    pub(crate) notes: Vec<String>,
    pub(crate) exit: Exit,
}

/// Does what the arguments ask for, the first of them being the program's name, and returns the
/// exit code.
///
/// `open` is called when the arguments make sense and need the driver. Data is written to
/// `stdout`; a line for each thing that went wrong to `stderr`. A `stdout` whose reader has
/// closed it is no failure: the reader has seen what it wanted.
///
/// The exit codes are those that the program's `--help` lists.
pub fn run<'device>(
    arguments: impl IntoIterator<Item = OsString>,
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
    terminal: Terminal,
) -> u8 {
    let answer = match command_line::parse(arguments) {
        Ok(Request {
            command,
            name,
            manner,
        }) => {
            let mut streams = Streams {
                stdout: &mut *stdout,
                stderr: &mut *stderr,
                terminal: terminal.in_manner(manner),
                quiet: manner.quiet,
                command: &name,
            };
            let mut answer = commands::carry_out(command, open, &mut streams)
                .unwrap_or_else(|error| Answer::about(&error, &name));
            if manner.quiet {
                answer.notes.clear();
            }
            answer
        }
        Err(instead) => Answer::from(instead),
    };
    deliver(answer, stdout, stderr).into()
}

fn deliver(answer: Answer, stdout: &mut dyn Write, stderr: &mut dyn Write) -> Exit {
    let Answer {
        output,
        mut complaints,
        notes,
        mut exit,
    } = answer;
    complaints.extend(notes);
    let written = stdout
        .write_all(output.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complaints.push(format!("the output cannot be written: {error}"));
            exit = Exit::Failed;
        }
        _ => {}
    }
    for complaint in complaints {
        complain(stderr, &complaint);
    }
    exit
}

/// Tells what went wrong, in a line. If this fails too, the exit code is all that remains.
pub(crate) fn complain(stderr: &mut dyn Write, complaint: &str) {
    let _ = writeln!(stderr, "client: {}", in_one_line(complaint));
}

/// Arguments and files have a say in complaints: whatever a terminal would act on, and what is not
/// seen or turns the direction of text, is spelt out. Letters of the system's language are left.
fn in_one_line(complaint: &str) -> String {
    let mut line = String::with_capacity(complaint.len());
    for character in complaint.chars() {
        if character.is_ascii_graphic() {
            line.push(character);
        } else {
            line.extend(character.escape_debug());
        }
    }
    line
}

impl Answer {
    /// Data, and nothing to complain about.
    pub(crate) fn text(output: impl Into<String>) -> Self {
        Self {
            output: output.into(),
            complaints: Vec::new(),
            notes: Vec::new(),
            exit: Exit::Done,
        }
    }

    /// What a command ended with, given its name.
    fn about(error: &Error, command: &str) -> Self {
        Self {
            complaints: vec![advice::about_error(error, command)],
            exit: error.into(),
            ..Self::text("")
        }
    }
}

impl From<Instead> for Answer {
    fn from(instead: Instead) -> Self {
        match instead {
            Instead::Text(text) => Self::text(text),
            Instead::Wrong(line) => Self {
                complaints: vec![line],
                exit: Exit::Usage,
                ..Self::text("")
            },
        }
    }
}
