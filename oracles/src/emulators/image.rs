//! The trials' kernel as the bytes that emulators put into memory.

use std::fmt;
use std::fs;
use std::ops::Range;

use anyhow::{Context as _, Result, bail};
use object::{Object as _, ObjectSegment as _};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::step;
use xtask::needs;

/// Where the image is loaded, and where every processor enters it.
pub(super) const ADDRESS: u64 = 0x8000;

/// Where the image says how many processors there are.
const PROCESSORS: Range<usize> = 8..12;

/// Where it says whether what ends the emulator is left out.
const SPARED: usize = 16;

/// The width of the code's registers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Width {
    /// Long mode.
    Bits64,
    /// Protected mode.
    Bits32,
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bits64 => "64",
            Self::Bits32 => "32",
        })
    }
}

/// Builds the kernel, and lays its segments out as memory has them.
pub(super) fn build(workspace: &Workspace, width: Width) -> Result<Vec<u8>> {
    let target = target_of(width);
    step(&format!("trials' kernel, {width} bits"), |_| {
        let mut cargo = workspace.cargo();
        cargo.args([
            "build",
            "--quiet",
            "--locked",
            "--release",
            "--package",
            "svm-trials",
        ]);
        cargo
            .args(["--target", target])
            .arg("--target-dir")
            .arg(workspace.target());
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(width).join("\u{1f}"));
        process::run(&mut cargo, BUILD_LIMIT)
    })?;
    let path = workspace.target().join(target).join("release/svm-trials");
    let file = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    flatten(&file)
}

fn target_of(width: Width) -> &'static str {
    match width {
        Width::Bits64 => needs::KERNEL_TARGET,
        Width::Bits32 => needs::KERNEL_32_TARGET,
    }
}

/// Nothing relocates the image, and no C library is linked to it.
fn flags(width: Width) -> Vec<&'static str> {
    let mut flags = vec!["-Crelocation-model=static", "-Clink-arg=--no-pie"];
    if width == Width::Bits32 {
        flags.extend(["-Clinker=rust-lld", "-Clinker-flavor=ld.lld"]);
    }
    flags
}

fn flatten(file: &[u8]) -> Result<Vec<u8>> {
    let file = object::File::parse(file)?;
    let mut image = Vec::new();
    for segment in file.segments() {
        let Some(start) = segment.address().checked_sub(ADDRESS) else {
            bail!("a segment lies below the image");
        };
        let start = usize::try_from(start)?;
        let data = segment.data()?;
        let end = start + usize::try_from(segment.size())?;
        if image.len() < end {
            image.resize(end, 0);
        }
        image[start..start + data.len()].copy_from_slice(data);
    }
    Ok(image)
}

/// The image for so many processors; what ends the emulator can be left out.
pub(super) fn for_processors(kernel: &[u8], processors: usize, spared: bool) -> Result<Vec<u8>> {
    let mut image = kernel.to_vec();
    let number = u32::try_from(processors)?.to_le_bytes();
    image
        .get_mut(PROCESSORS)
        .context("the kernel has no header")?
        .copy_from_slice(&number);
    *image.get_mut(SPARED).context("the kernel has no header")? = spared.into();
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_says_stands_in_the_header_alone() {
        let image = for_processors(&[0xFF; 20], 4, true).unwrap();
        assert_eq!(image[..8], [0xFF; 8]);
        assert_eq!(image[8..12], [4, 0, 0, 0]);
        assert_eq!(image[12..16], [0xFF; 4]);
        assert_eq!(image[16..], [1, 0xFF, 0xFF, 0xFF]);
        assert!(for_processors(&[0; 8], 1, false).is_err());
        assert!(for_processors(&[0; 16], 1, false).is_err());
    }
}
