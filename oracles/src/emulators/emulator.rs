//! QEMU and Bochs, started with the same two files: a ROM that jumps, and the image.
//!
//! Neither has firmware: the ROM holds one instruction at the reset vector, a far jump to the
//! image's first byte, where start-up IPIs send the other processors too.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use wdk_linux::host::process;

use super::image;
use crate::version::Version;

const QEMU: &str = "qemu-system-x86_64";
const BOCHS: &str = "bochs-bin";

/// What stands before Bochs' version, in all that it says.
const BOCHS_BANNER: &str = "Bochs x86 Emulator ";

/// Both take a second or two on a slow machine.
const LIMIT: Duration = Duration::from_mins(1);

const ROM_SIZE: usize = 0x1_0000;
/// Sixteen bytes below 4 GiB, where the ROM ends.
const RESET_VECTOR: usize = ROM_SIZE - 16;
/// `JMP 0800:0000`.
const JUMP: [u8; 5] = [0xEA, 0x00, 0x00, 0x00, 0x08];

/// What the image prints, in the emulator's folder. It is not on standard output, where Bochs' display
/// draws as well.
const REPORT: &str = "report.txt";

/// Bochs wants a video ROM: its signature, and a length of one block.
const VIDEO_ROM: [u8; 3] = [0x55, 0xAA, 0x01];

/// An emulator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Emulator {
    /// With its own translator, whatever the host.
    Qemu,
    /// With its model of a Ryzen.
    Bochs,
}

impl fmt::Display for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Qemu => "QEMU",
            Self::Bochs => "Bochs",
        })
    }
}

impl Emulator {
    /// The installed version. Bochs knows no `--version`, but says its own whatever it is asked.
    ///
    /// # Errors
    ///
    /// If it is not there, or names none.
    pub(super) fn version(self) -> Result<Version> {
        match self {
            Self::Qemu => Version::of(QEMU),
            Self::Bochs => {
                let (_, said) = process::outcome(Command::new(BOCHS).arg("--help"), LIMIT)?;
                let banner = said
                    .stdout
                    .split_once(BOCHS_BANNER)
                    .context("Bochs does not say what it is")?;
                Version::parse(banner.1).context("Bochs names no version")
            }
        }
    }
}

/// Boots the image, and returns all that it printed.
pub(super) fn run(
    emulator: Emulator,
    folder: &Path,
    image: &[u8],
    processors: usize,
) -> Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).with_context(|| format!("cannot write {name}"))
    };
    write("kernel.bin", image)?;
    let mut rom = vec![0; ROM_SIZE];
    rom[RESET_VECTOR..][..JUMP.len()].copy_from_slice(&JUMP);
    write("rom.bin", &rom)?;
    let mut command = match emulator {
        Emulator::Qemu => qemu(processors),
        Emulator::Bochs => {
            let mut rom = [0; 512];
            rom[..VIDEO_ROM.len()].copy_from_slice(&VIDEO_ROM);
            write("video.bin", &rom)?;
            write("bochsrc", bochs_configuration(processors).as_bytes())?;
            // Debian's Bochs starts in its debugger: go on.
            write("debugger", b"continue\n")?;
            bochs()
        }
    };
    let report = folder.join(REPORT);
    // The last run's would be believed.
    if report.exists() {
        fs::remove_file(&report).with_context(|| format!("cannot remove {}", report.display()))?;
    }
    let (_, said) = process::outcome(command.current_dir(folder), LIMIT)?;
    fs::read_to_string(&report).with_context(|| {
        let remarks = said.stderr.trim_end();
        format!("{emulator} left no {}:\n{remarks}", report.display())
    })
}

fn qemu(processors: usize) -> Command {
    let mut command = Command::new(QEMU);
    command.args([
        "-M",
        "microvm",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-m",
        "32",
    ]);
    command.args(["-smp", &processors.to_string()]);
    command.args([
        "-display",
        "none",
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
    ]);
    command.args(["-bios", "rom.bin", "-device"]);
    command.arg(format!(
        "loader,file=kernel.bin,addr={:#x},force-raw=on",
        image::ADDRESS
    ));
    command.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
    command.args(["-chardev", &format!("file,id=printer,path={REPORT}")]);
    command.args(["-device", "isa-parallel,chardev=printer"]);
    command
}

fn bochs() -> Command {
    let mut command = Command::new(BOCHS);
    command.args(["-q", "-f", "bochsrc", "-rc", "debugger"]);
    // The text display looks for a terminal's description before it draws on one of its own.
    command.env("TERM", "dumb");
    command
}

fn bochs_configuration(processors: usize) -> String {
    format!(
        "display_library: term\n\
         megs: 32\n\
         romimage: file=rom.bin\n\
         vgaromimage: file=video.bin\n\
         optramimage1: file=kernel.bin, address={:#x}\n\
         cpu: model=ryzen, count={processors}, ips=100000000, reset_on_triple_fault=0\n\
         parport1: enabled=1, file={REPORT}\n\
         sound: waveoutdrv=dummy\n\
         speaker: enabled=0\n\
         log: bochs.log\n\
         panic: action=fatal\n",
        image::ADDRESS
    )
}
