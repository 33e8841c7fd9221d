//! A stand-in for the Windows Driver Kit, in the kit's own layout: mingw-w64's headers with a few
//! of ours before them (`wdk-linux/include`), and import libraries.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::import_library::{self, Exports};
use super::mingw;
use crate::host::workspace::{read_text, symbolic_link};

/// `wdk-build` takes the highest version that begins with `10.`.
const VERSION: &str = "10.0.0.0";

/// The images whose routines a WDM driver is linked with: the name of the library, of mingw-w64's
/// own, and of the image.
const IMAGES: &[(&str, &str, &str)] = &[
    ("ntoskrnl", "libntoskrnl.a", "ntoskrnl.exe"),
    ("hal", "libhal.a", "hal.dll"),
    ("wmilib", "libwmilib.a", "wmilib.sys"),
];

/// The libraries that `wdk-build` links besides: stack cookies, which Rust doesn't use.
const UNUSED_LIBRARIES: &[&str] = &["BufferOverflowFastFailK"];

/// Lays the kit out in `kit`. `own` is the folder of our headers and definition files.
pub(crate) fn lay_out(kit: &Path, own: &Path, linker: &Path) -> Result<()> {
    lay_out_headers(&kit.join("Include").join(VERSION), &own.join("include"))?;
    lay_out_libraries(
        &kit.join("Lib").join(VERSION).join("km/x64"),
        &own.join("lib"),
        linker,
    )
}

fn lay_out_headers(include: &Path, own: &Path) -> Result<()> {
    let mingw = mingw::headers().context("mingw-w64's headers are not installed")?;
    let kernel_mode = include.join("km");
    fs::create_dir_all(&kernel_mode)
        .with_context(|| format!("cannot create {}", kernel_mode.display()))?;
    for header in fs::read_dir(mingw.join("ddk"))? {
        let header = header?;
        link(&header.path(), &kernel_mode.join(header.file_name()))?;
    }
    // Searched first, so that ours can include the next of the same name.
    link(own, &kernel_mode.join("crt"))?;
    link(&mingw, &include.join("shared"))
}

fn lay_out_libraries(libraries: &Path, own: &Path, linker: &Path) -> Result<()> {
    let mingw = mingw::libraries().context("mingw-w64's libraries are not installed")?;
    fs::create_dir_all(libraries)
        .with_context(|| format!("cannot create {}", libraries.display()))?;
    for (name, archive, image) in IMAGES {
        let mut exports = Exports::of_archive(&mingw.join(archive))?;
        let newer = own.join(format!("{name}.def"));
        if newer.is_file() {
            exports
                .add_definitions(&read_text(&newer)?)
                .with_context(|| newer.display().to_string())?;
        }
        exports.write_library(image, &library_path(libraries, name), linker)?;
    }
    for name in UNUSED_LIBRARIES {
        import_library::write_empty_library(&library_path(libraries, name))?;
    }
    Ok(())
}

fn library_path(libraries: &Path, name: &str) -> PathBuf {
    libraries.join(format!("{name}.lib"))
}

/// Makes `place` a symbolic link to `original`, whatever it linked to before.
pub(crate) fn link(original: &Path, place: &Path) -> Result<()> {
    if fs::read_link(place).is_ok_and(|present| present == original) {
        return Ok(());
    }
    match fs::remove_file(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot replace {}", place.display()));
        }
        _ => {}
    }
    symbolic_link(original, place).with_context(|| format!("cannot link {}", place.display()))
}
