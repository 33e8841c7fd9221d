//! What the fuzz targets share: a device that answers with whatever bytes it is given.

use client::{Device, DeviceError, Terminal};

/// A device that gives every request the same answer.
#[derive(Debug, Clone, Copy)]
pub struct Replays<'a> {
    bytes: &'a [u8],
    claimed: usize,
    fails: bool,
}

impl<'a> Replays<'a> {
    /// Takes how the device behaves from the first bytes, and its reply from the others.
    #[must_use]
    pub fn from_input(input: &'a [u8]) -> Option<Self> {
        let (&[how, more], bytes) = input.split_first_chunk()?;
        Some(Self {
            bytes,
            claimed: bytes.len() + usize::from(more >> 4),
            fails: how & 1 != 0,
        })
    }
}

impl Device for Replays<'_> {
    fn control(
        &mut self,
        _code: u32,
        _input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        let length = self.bytes.len().min(output.len());
        output[..length].copy_from_slice(&self.bytes[..length]);
        if self.fails {
            let returned = self.claimed;
            return Err(DeviceError::BufferTooSmall { returned });
        }
        Ok(self.claimed)
    }
}

/// Runs the client with some arguments.
///
/// # Panics
///
/// If it ends with a code that has no meaning, is silent about a failure, or writes what a
/// terminal would take for a command.
pub fn run_client(arguments: &[&str], device: Replays<'_>) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = client::run(
        ["client"].iter().chain(arguments).map(Into::into),
        || Ok(Box::new(device)),
        &mut stdout,
        &mut stderr,
        Terminal::default(),
    );
    assert!(exit <= 5, "{exit}");
    assert!(exit == 0 || exit == 5 || !stderr.is_empty(), "{exit}");
    let printable = |byte: &u8| *byte == b'\n' || (b' '..=b'~').contains(byte);
    assert!(stdout.iter().all(printable));
}
