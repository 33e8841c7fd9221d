//! The files that the machine starts with.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use cpio::NewcBuilder;
use wdk_linux::host::process::{self, QUERY_LIMIT};

/// Modes of what is in the archive.
const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// The kernel's module that makes `/dev/cpu/N/msr`.
const MODULE: &str = "msr.ko.xz";

/// Where it is, below the folder of the kernel's release.
const MODULES: &str = "kernel/arch/x86/kernel";

/// Where things come from.
pub(crate) struct Sources<'a> {
    /// The init process.
    pub init: &'a Path,
    /// The kernel's package.
    pub kernel: &'a Path,
    /// msr-tools.
    pub msr_tools: &'a Path,
    /// The C library that msr-tools are linked with.
    pub libc: &'a Path,
}

/// Writes them to a file that the kernel unpacks.
pub(crate) fn write(sources: &Sources<'_>, place: &Path) -> Result<()> {
    let libraries = sources.libc.join("usr/lib/x86_64-linux-gnu");
    let files = [
        ("init", read(sources.init)?),
        ("msr.ko", module(sources.kernel)?),
        (
            "usr/sbin/rdmsr",
            read(&sources.msr_tools.join("usr/sbin/rdmsr"))?,
        ),
        (
            "lib64/ld-linux-x86-64.so.2",
            read(&libraries.join("ld-linux-x86-64.so.2"))?,
        ),
        (
            "lib/x86_64-linux-gnu/libc.so.6",
            read(&libraries.join("libc.so.6"))?,
        ),
    ];
    let output = File::create(place);
    let output = output.with_context(|| format!("cannot write {}", place.display()))?;
    pack(&files, output)
}

/// Where the kernel's package has the kernel.
pub(crate) fn kernel(package: &Path) -> Result<PathBuf> {
    let entries = package.join("boot").read_dir()?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_kernel = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("vmlinuz")
    };
    files
        .find(is_kernel)
        .context("the kernel's package has no kernel")
}

/// The module of the kernel's package, as the kernel loads it. Unpacked, it is put beside the
/// packed one.
fn module(package: &Path) -> Result<Vec<u8>> {
    let releases = package.join("usr/lib/modules").read_dir()?;
    let folders = releases.filter_map(|entry| Some(entry.ok()?.path().join(MODULES)));
    let mut packed = folders.map(|folder| folder.join(MODULE));
    let packed = packed.find(|file| file.is_file());
    let packed = packed.with_context(|| format!("the kernel's package has no {MODULE}"))?;
    let mut xz = Command::new("xz");
    xz.args(["--decompress", "--keep", "--force"]).arg(&packed);
    process::run(&mut xz, QUERY_LIMIT)?;
    read(&packed.with_extension(""))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Packs programs, and what might as well be one, behind the folders that they are in.
fn pack(files: &[(&str, Vec<u8>)], output: impl Write) -> Result<()> {
    let names = files.iter().map(|(name, _)| Path::new(name));
    let parents = names.flat_map(|name| name.ancestors().skip(1));
    let folders: BTreeSet<&str> = parents.filter_map(Path::to_str).collect();
    let folders = folders.into_iter().filter(|folder| !folder.is_empty());
    let folders = folders.map(|folder| (folder, FOLDER, &[][..]));
    let programs = files.iter();
    let programs = programs.map(|(name, bytes)| (*name, PROGRAM, &bytes[..]));
    let entries = folders.chain(programs).map(|(name, mode, bytes)| {
        let entry = NewcBuilder::new(name).mode(mode).nlink(1);
        (entry, Cursor::new(bytes))
    });
    cpio::write_cpio(entries, output)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them() {
        let files = [
            ("usr/sbin/rdmsr", b"one".to_vec()),
            ("init", b"two".to_vec()),
        ];
        let mut packed = Vec::new();
        pack(&files, &mut packed).unwrap();
        let mut input = &packed[..];
        let mut seen = Vec::new();
        loop {
            let mut entry = cpio::NewcReader::new(input).unwrap();
            if entry.entry().is_trailer() {
                break;
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let header = entry.entry();
            seen.push((header.name().to_owned(), header.mode(), bytes));
            input = entry.finish().unwrap();
        }
        let expected = [
            ("usr", FOLDER, &b""[..]),
            ("usr/sbin", FOLDER, b""),
            ("usr/sbin/rdmsr", PROGRAM, b"one"),
            ("init", PROGRAM, b"two"),
        ];
        let expected = expected.map(|(name, mode, bytes)| (name.to_owned(), mode, bytes.to_vec()));
        assert_eq!(seen, expected);
    }
}
