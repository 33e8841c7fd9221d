//! QEMU's monitor: the registers of the emulated processors as QEMU itself shows them.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Error;

/// What the monitor writes when it waits for a command.
const PROMPT: &[u8] = b"(qemu) ";

/// A segment register with its hidden part.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SegmentRegister {
    /// The visible selector.
    pub selector: u16,
    /// Linear base address.
    pub base: u64,
    /// The highest valid offset, in bytes.
    pub limit: u32,
    /// The upper half of a descriptor, as far as it holds attributes.
    pub flags: u32,
}

impl SegmentRegister {
    /// The attributes in the form of a VMCB: bits 8 to 15 of the flags in bits 0 to 7, bits 20 to
    /// 23 in bits 8 to 11 (APM volume 2, 15.5.1).
    #[must_use]
    pub fn attributes(&self) -> u16 {
        let [_, low, high, _] = self.flags.to_le_bytes();
        u16::from_le_bytes([low, high >> 4])
    }
}

/// The segment registers of one processor that VMSAVE stores.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ProcessorRegisters {
    /// FS.
    pub fs: SegmentRegister,
    /// GS.
    pub gs: SegmentRegister,
    /// The local descriptor table register.
    pub ldtr: SegmentRegister,
    /// The task register.
    pub tr: SegmentRegister,
}

/// The monitor of a running QEMU, in a folder that goes with it.
#[derive(Debug)]
pub(crate) struct Monitor {
    folder: TempDir,
}

impl Monitor {
    /// A place for the monitor of a QEMU that is about to be started.
    pub(crate) fn new() -> Result<Self, Error> {
        let folder = TempDir::new().map_err(Error::Monitor)?;
        Ok(Self { folder })
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("monitor")
    }

    /// The value of QEMU's option `-monitor`.
    pub(crate) fn option(&self) -> OsString {
        let socket = self.socket();
        // A comma in a path would end it.
        let path = socket.to_string_lossy().replace(',', ",,");
        format!("unix:{path},server=on,wait=off").into()
    }

    /// The registers of all processors. They are stopped meanwhile.
    pub(crate) fn registers(&self, timeout: Duration) -> Result<Vec<ProcessorRegisters>, Error> {
        let shown = self.ask(timeout).map_err(Error::Monitor)?;
        let malformed = |line| io::Error::new(io::ErrorKind::InvalidData, line);
        parse(&shown).map_err(malformed).map_err(Error::Monitor)
    }

    fn ask(&self, timeout: Duration) -> io::Result<String> {
        let mut conversation = Conversation::begin(&self.socket(), timeout)?;
        conversation.command("stop")?;
        let shown = conversation.command("info registers -a");
        conversation.command("cont")?;
        shown
    }
}

/// A connection to the monitor.
struct Conversation<S> {
    stream: S,
    deadline: Instant,
}

#[cfg(unix)]
impl Conversation<std::os::unix::net::UnixStream> {
    /// Connects, and waits for the prompt.
    fn begin(socket: &Path, timeout: Duration) -> io::Result<Self> {
        let stream = std::os::unix::net::UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        let mut conversation = Self {
            stream,
            deadline: Instant::now() + timeout,
        };
        conversation.read_to_prompt()?;
        Ok(conversation)
    }
}

#[cfg(not(unix))]
impl Conversation<io::Empty> {
    /// QEMU offers no such socket on other systems.
    fn begin(_: &Path, _: Duration) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<S: Read + Write> Conversation<S> {
    /// Gives a command, and returns what the monitor writes until its next prompt: the command
    /// with control sequences of a terminal, and the answer.
    fn command(&mut self, command: &str) -> io::Result<String> {
        writeln!(self.stream, "{command}")?;
        self.read_to_prompt()
    }

    fn read_to_prompt(&mut self) -> io::Result<String> {
        let mut text = Vec::new();
        let mut buffer = [0; 0x4000];
        while !text.ends_with(PROMPT) {
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if Instant::now() > self.deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            text.extend_from_slice(&buffer[..count]);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// Reads what `info registers -a` shows; the error is the line that is not understood, or what is
/// missing.
fn parse(shown: &str) -> Result<Vec<ProcessorRegisters>, String> {
    let mut processors = Vec::new();
    let mut blocks = shown.split("CPU#");
    // In front of the first block is the command.
    blocks.next();
    for (expected, block) in blocks.enumerate() {
        let mut lines = block.lines();
        let number = lines.next().unwrap_or_default().trim_end();
        if number.parse() != Ok(expected) {
            return Err(format!("CPU#{number} instead of CPU#{expected}"));
        }
        let register = |name: &str| {
            let mut lines = block.lines();
            let line = lines.find(|line| line.starts_with(name));
            let line = line.ok_or_else(|| format!("CPU#{number} has no {name}"))?;
            parse_register(&line[name.len()..]).ok_or_else(|| line.to_owned())
        };
        processors.push(ProcessorRegisters {
            fs: register("FS =")?,
            gs: register("GS =")?,
            ldtr: register("LDT=")?,
            tr: register("TR =")?,
        });
    }
    if processors.is_empty() {
        return Err(String::from("no processor is shown"));
    }
    Ok(processors)
}

/// Selector, base, limit and flags in `0053 0000000000202000 00003c00 0040f300 DPL=3 ...`.
fn parse_register(text: &str) -> Option<SegmentRegister> {
    let mut numbers = text.split_ascii_whitespace();
    let mut number = || u64::from_str_radix(numbers.next()?, 16).ok();
    Some(SegmentRegister {
        selector: number()?.try_into().ok()?,
        base: number()?,
        limit: number()?.try_into().ok()?,
        flags: number()?.try_into().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As QEMU 7.2 writes it, with the echo of the command, and with fewer lines.
    const SHOWN: &str = "i\x1b[K\x1b[Dinfo registers -a\x1b[K\r\n\r\nCPU#0\r\n\
        RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000\r\n\
        FS =0053 0000000006a1e000 00003c00 0040f300 DPL=3 DS   [-WA]\r\n\
        GS =002b fffff8011d0a5000 ffffffff 00cff300 DPL=3 DS   [-WA]\r\n\
        LDT=0000 0000000000000000 00000000 00008200 DPL=0 LDT\r\n\
        TR =0040 ffff80000f5b1060 00000067 00008900 DPL=0 TSS64-avl\r\n\
        GDT=     ffff80000f5b1000 00000057\r\n\r\nCPU#1\r\n\
        FS =0000 00000000 0000ffff 00009300\r\n\
        GS =0000 00000000 0000ffff 00009300\r\n\
        LDT=0000 00000000 0000ffff 00008200\r\n\
        TR =0000 00000000 0000ffff 00008b00\r\n(qemu) ";

    #[test]
    fn registers_of_each_processor_are_read() {
        let processors = parse(SHOWN).unwrap();
        assert_eq!(processors.len(), 2);
        let expected = SegmentRegister {
            selector: 0x2B,
            base: 0xFFFF_F801_1D0A_5000,
            limit: 0xFFFF_FFFF,
            flags: 0x00CF_F300,
        };
        assert_eq!(processors[0].gs, expected);
        assert_eq!(processors[0].gs.attributes(), 0xCF3);
        assert_eq!(processors[1].tr.flags, 0x8B00);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (from, to, expected) in [
            ("FS =0053", "FS =zzzz", "FS =zzzz 0000000006a1e000"),
            ("LDT=0000 0000000000000000", "XYZ=", "CPU#0 has no LDT="),
            ("CPU#1", "CPU#2", "CPU#2 instead of CPU#1"),
            ("CPU#", "CPU ", "no processor is shown"),
        ] {
            let error = parse(&SHOWN.replace(from, to)).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_monitor_that_is_not_there_is_an_error() {
        let monitor = Monitor::new().unwrap();
        let error = monitor.registers(Duration::from_secs(1)).unwrap_err();
        assert!(matches!(error, Error::Monitor(_)), "{error}");
    }
}
