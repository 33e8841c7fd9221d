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

/// Both take a second or two on a slow machine.
const LIMIT: Duration = Duration::from_mins(1);

const ROM_SIZE: usize = 0x1_0000;
/// Sixteen bytes below 4 GiB, where the ROM ends.
const RESET_VECTOR: usize = ROM_SIZE - 16;
/// `JMP 0800:0000`.
const JUMP: [u8; 5] = [0xEA, 0x00, 0x00, 0x00, 0x08];

/// Bochs wants a video ROM: its signature, and a length of one block.
const VIDEO_ROM: [u8; 3] = [0x55, 0xAA, 0x01];

/// An emulator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Emulator {
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

/// Boots the image, and returns all that was said on standard output.
pub fn run(emulator: Emulator, folder: &Path, image: &[u8], processors: usize) -> Result<String> {
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
    let (_, said) = process::outcome(command.current_dir(folder), LIMIT)?;
    Ok(said.stdout)
}

fn qemu(processors: usize) -> Command {
    let mut command = Command::new("qemu-system-x86_64");
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
    command.args([
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=4",
        "-debugcon",
        "stdio",
    ]);
    command
}

fn bochs() -> Command {
    let mut command = Command::new("bochs-bin");
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
         port_e9_hack: enabled=1\n\
         sound: waveoutdrv=dummy\n\
         speaker: enabled=0\n\
         log: bochs.log\n\
         panic: action=fatal\n",
        image::ADDRESS
    )
}
