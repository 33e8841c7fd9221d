//! How often each processor executed VMSAVE, counted by QEMU.
//!
//! QEMU can log every translated block that it runs, filtered by address. With
//! one instruction in a block and the filter on the driver's VMSAVE instructions,
//! each line of that log is one execution. Their addresses depend on where the
//! kernel maps the driver, which is the same in every boot with the same seed:
//! so a machine is booted once to see where, and again to count.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use object::pe::IMAGE_SCN_MEM_EXECUTE;
use object::read::pe::PeFile64;
use object::{LittleEndian, read};
use tempfile::NamedTempFile;

use crate::Error;
use crate::qemu::Tracing;

/// The instruction. Assemblers put no prefix in front of it in 64-bit code.
const VMSAVE: [u8; 3] = [0x0F, 0x01, 0xDB];

/// The first QEMU whose accelerator takes the option for one-instruction blocks.
const ACCELERATOR_OPTION: (u32, u32) = (8, 1);

/// What QEMU writes at a block that it starts, and at one that it then doesn't run.
const STARTED: &str = "Trace ";
const NOT_RUN: &str = "Stopped execution";

/// Offsets of a driver's VMSAVE instructions from its base.
pub fn vmsave_offsets(driver: &Path) -> Result<Vec<u64>, Error> {
    let file = fs::read(driver).map_err(Error::InstructionLog)?;
    find(&file)
        .map_err(|error| Error::InstructionLog(io::Error::new(io::ErrorKind::InvalidData, error)))
}

fn find(file: &[u8]) -> read::Result<Vec<u64>> {
    let image = PeFile64::parse(file)?;
    let mut offsets = Vec::new();
    for section in image.section_table().iter() {
        let characteristics = section.characteristics.get(LittleEndian);
        if !characteristics.contains(IMAGE_SCN_MEM_EXECUTE) {
            continue;
        }
        let start = u64::from(section.virtual_address.get(LittleEndian));
        let code = section.pe_data(file)?;
        let found = code.windows(VMSAVE.len()).zip(start..);
        offsets.extend(
            found
                .filter(|(bytes, _)| *bytes == VMSAVE)
                .map(|(_, at)| at),
        );
    }
    Ok(offsets)
}

/// A log that QEMU writes.
#[derive(Debug)]
pub struct InstructionLog {
    file: NamedTempFile,
    processors: usize,
}

impl InstructionLog {
    /// An empty log.
    pub fn new(processors: u32) -> Result<Self, Error> {
        Ok(Self {
            file: NamedTempFile::new().map_err(Error::InstructionLog)?,
            processors: processors as usize,
        })
    }

    /// What makes QEMU log the instructions at these offsets from `base`.
    pub fn tracing(&self, qemu: &Path, base: u64, offsets: &[u64]) -> Result<Tracing, Error> {
        let ranges: Vec<String> = offsets
            .iter()
            .map(|offset| format!("{:#x}+1", base + offset))
            .collect();
        let mut arguments: Vec<OsString> = ["-d", "exec,nochain", "-dfilter"]
            .map(OsString::from)
            .into();
        arguments.extend([
            ranges.join(",").into(),
            "-D".into(),
            self.file.path().into(),
        ]);
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

    /// Executions so far, by processor.
    pub fn count(&self) -> Result<Vec<u64>, Error> {
        let text = fs::read_to_string(self.file.path()).map_err(Error::InstructionLog)?;
        Ok(count(&text, self.processors))
    }
}

/// Counts lines such as `Trace 3: 0x7f... [.../pc/...]` by the number in them.
fn count(log: &str, processors: usize) -> Vec<u64> {
    let mut counts = vec![0; processors];
    let mut last = None;
    for line in log.lines() {
        if let Some(rest) = line.strip_prefix(STARTED) {
            let number = rest
                .split_once(':')
                .and_then(|(number, _)| number.parse().ok());
            last = number.filter(|&index: &usize| index < processors);
            if let Some(index) = last {
                counts[index] += 1;
            }
        } else if line.starts_with(NOT_RUN)
            && let Some(index) = last.take()
        {
            counts[index] -= 1;
        }
    }
    counts
}

/// Version of a QEMU, by its own word.
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

    #[test]
    fn lines_are_counted_by_processor() {
        let log = "Trace 0: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201] \n\
                   Trace 2: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201] \n\
                   Trace 2: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201] \n";
        assert_eq!(count(log, 3), [1, 0, 2]);
    }

    #[test]
    fn blocks_that_were_not_run_dont_count() {
        let log = "Trace 1: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201] \n\
                   Stopped execution of TB chain before 0x7f85a44c4780 [fffff8049a7023e6] \n\
                   Trace 1: 0x7f85a44c4780 [0000/fffff8049a7023e6/0050c2b0/ff080201] \n";
        assert_eq!(count(log, 2), [0, 1]);
    }
}
