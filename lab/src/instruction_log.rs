//! Which instructions of the driver each processor executed, by QEMU's own log.
//!
//! QEMU can log every translated block that it runs, filtered by address. With
//! one instruction in a block and the filter on the driver's image, each line of
//! that log is one execution. Its addresses depend on where the kernel maps the
//! driver, which is the same in every boot with the same seed: so a machine is
//! booted once to see where, and again to log.

use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use tempfile::NamedTempFile;

use crate::Error;
use crate::qemu::Tracing;

/// The first QEMU whose accelerator takes the option for one-instruction blocks.
const ACCELERATOR_OPTION: (u32, u32) = (8, 1);

/// What QEMU writes at a block that it starts, and at one that it then doesn't run.
const STARTED: &str = "Trace ";
const NOT_RUN: &str = "Stopped execution";

/// A log that QEMU writes.
#[derive(Debug)]
pub(crate) struct InstructionLog {
    file: NamedTempFile,
    processors: usize,
    image: Range<u64>,
}

impl InstructionLog {
    /// An empty log of what is executed in an image.
    pub(crate) fn new(processors: u32, image: Range<u64>) -> Result<Self, Error> {
        Ok(Self {
            file: NamedTempFile::new().map_err(Error::InstructionLog)?,
            processors: processors as usize,
            image,
        })
    }

    /// What makes QEMU write the log.
    pub(crate) fn tracing(&self, qemu: &Path) -> Result<Tracing, Error> {
        let Range { start, end } = self.image;
        let range = format!("{start:#x}+{:#x}", end - start);
        let mut arguments: Vec<OsString> = ["-d", "exec,nochain", "-dfilter"]
            .map(OsString::from)
            .into();
        arguments.extend([range.into(), "-D".into(), self.file.path().into()]);
        let accelerator_options = if version(qemu)? < ACCELERATOR_OPTION {
            arguments.push("-singlestep".into());
            ""
        } else {
            ",one-insn-per-tb=on"
        };
        Ok(Tracing {
            accelerator_options,
            arguments,
        })
    }

    /// What each processor executed so far, as offsets in the image.
    pub(crate) fn executed(&self) -> Result<Vec<Vec<u64>>, Error> {
        let text = fs::read_to_string(self.file.path()).map_err(Error::InstructionLog)?;
        Ok(executed(&text, self.processors, &self.image))
    }
}

/// Sorts lines such as `Trace 3: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201]` by the
/// processor in front, and keeps the address in the brackets.
fn executed(log: &str, processors: usize, image: &Range<u64>) -> Vec<Vec<u64>> {
    let mut executed = vec![Vec::new(); processors];
    let mut last = None;
    for line in log.lines() {
        if let Some(rest) = line.strip_prefix(STARTED) {
            last = parse_line(rest)
                .filter(|(index, address)| *index < processors && image.contains(address));
            if let Some((index, address)) = last {
                executed[index].push(address - image.start);
            }
        } else if line.starts_with(NOT_RUN)
            && let Some((index, _)) = last.take()
        {
            executed[index].pop();
        }
    }
    executed
}

/// Processor and address in `3: 0x7f85a44c4780 [0000/fffff8049a7023e6/...`.
fn parse_line(line: &str) -> Option<(usize, u64)> {
    let (index, rest) = line.split_once(':')?;
    let address = rest.split('/').nth(1)?;
    Some((index.parse().ok()?, u64::from_str_radix(address, 16).ok()?))
}

/// Version of a QEMU, as it prints it.
fn version(qemu: &Path) -> Result<(u32, u32), Error> {
    let output = Command::new(qemu).arg("--version").output();
    let text = String::from_utf8_lossy(&output.map_err(Error::Start)?.stdout).into_owned();
    parse_version(&text)
        .ok_or_else(|| Error::Config(format!("{} has no version: {text:?}", qemu.display())))
}

/// Finds the version in `QEMU emulator version 7.2.22 (...)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (_, version) = text.split_once("version ")?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright";
        assert_eq!(parse_version(debian), Some((7, 2)));
        assert_eq!(
            parse_version("QEMU emulator version 10.0.2\n"),
            Some((10, 0))
        );
        assert_eq!(parse_version("no such program"), None);
    }

    const IMAGE: Range<u64> = 0xFFFF_F804_9A70_2000..0xFFFF_F804_9A70_6000;

    #[test]
    fn lines_are_sorted_by_processor() {
        let log = "Trace 0: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201] \n\
                   Trace 2: 0x7f85a44c4780 [0000/fffff8049a7023e8/0050c2b0/ff080201] \n\
                   Trace 2: 0x7f85a44c4780 [0000/fffff8049a709000/0050c2b0/ff080201] \n\
                   Trace 2: 0x7f85a44c4780 [0000/fffff8049a7023eb/0050c2b0/ff080201] \n";
        let expected = [vec![0x3E6], vec![], vec![0x3E8, 0x3EB]];
        assert_eq!(executed(log, 3, &IMAGE), expected);
    }

    #[test]
    fn blocks_that_were_not_run_dont_count() {
        let log = "Trace 1: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201] \n\
                   Stopped execution of TB chain before 0x7f85a44c4780 [fffff8049a7023e6] \n\
                   Trace 1: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201] \n";
        assert_eq!(executed(log, 2, &IMAGE), [vec![], vec![0x3E6]]);
    }
}
