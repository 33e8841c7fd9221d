//! The client's program, in front of a device or a file that has whatever bytes it is given.

use std::io::Write as _;

use client::{Device, DeviceError, Terminal};
use protocol_samples::Replay;
use tempfile::NamedTempFile;

/// A device that gives every request the same answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replays<'a>(Replay<'a>);

impl<'a> Replays<'a> {
    /// Takes how the device behaves from the first bytes, and its reply from the others.
    #[must_use]
    pub(crate) fn from_input(input: &'a [u8]) -> Option<Self> {
        let (&[how, more], bytes) = input.split_first_chunk()?;
        Some(Self(Replay {
            bytes,
            claimed: bytes.len() + usize::from(more >> 4),
            fails: how & 1 != 0,
        }))
    }
}

impl Device for Replays<'_> {
    fn control(
        &mut self,
        _code: u32,
        _input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        let answer = self.0.answer(output);
        answer.map_err(|returned| DeviceError::BufferTooSmall { returned })
    }
}

/// Runs the client with some arguments.
///
/// # Panics
///
/// If it ends with a code that has no meaning, is silent about a failure, or writes what a
/// terminal would take for a command.
pub(crate) fn run_client(arguments: &[&str], device: Replays<'_>) {
    run(arguments, || Ok(Box::new(device)));
}

/// Runs commands of the client, each of them on a file with these bytes, whose path follows the
/// command's other arguments.
///
/// # Panics
///
/// As [`run_client`]; or if no file can be made.
pub(crate) fn run_client_on(bytes: &[u8], commands: &[&[&str]]) {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for a temporary file");
    let path = file.path().to_str().expect("a path that is text");
    for command in commands {
        run(&[command, [path].as_slice()].concat(), || {
            Err(DeviceError::NotFound)
        });
    }
}

fn run<'device>(
    arguments: &[&str],
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
) {
    const UNAVAILABLE: u8 = 5;
    const FOUND: u8 = 6;
    const INCOMPLETE: u8 = 7;
    const BAD_FILE: u8 = 8;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = client::run(
        ["client"].iter().chain(arguments).map(Into::into),
        open,
        &mut stdout,
        &mut stderr,
        Terminal::default(),
    );
    assert!(exit <= BAD_FILE, "{exit}");
    let silent_for_a_reason = matches!(exit, 0 | UNAVAILABLE | FOUND | INCOMPLETE);
    assert!(silent_for_a_reason || !stderr.is_empty(), "{exit}");
    for written in [stdout, stderr] {
        let text = String::from_utf8(written).expect("text");
        let command = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(command, None, "{arguments:?}: {text}");
    }
}
