//! The resource compiler: mingw-w64's, with this machine's C compiler as its preprocessor.
//!
//! By itself it looks for mingw-w64's C compiler, a package many times its size, for the sake of
//! macros and comments. Rust links with the C compiler of the machine, so that one is there.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::mingw;
use super::needs::WINDRES;
use crate::host::workspace::{make_executable, write_if_changed};

/// What the preprocessor is told: to read Windows' headers, and to be one for Windows.
const PREPROCESSOR: [&str; 8] = [
    "-E",
    "-xc",
    // Without the macros `linux` and `unix`, which are words that a resource may have.
    "-std=c17",
    "-nostdinc",
    "-DRC_INVOKED",
    "-D_WIN32",
    "-D_WIN64",
    "-isystem",
];

/// Writes the program to `place`.
///
/// # Errors
///
/// If mingw-w64's headers are not installed, or the file can't be written.
pub fn write(place: &Path) -> Result<()> {
    let headers = mingw::headers().context("mingw-w64's headers are not installed")?;
    write_if_changed(place, script(&headers))?;
    make_executable(place).with_context(|| format!("cannot make {} a program", place.display()))
}

fn script(headers: &Path) -> String {
    let mut script = format!("#!/bin/sh\nexec {WINDRES} --preprocessor=cc");
    let headers = headers.display().to_string();
    for argument in PREPROCESSOR.into_iter().chain([&*headers]) {
        script.push_str(" --preprocessor-arg=");
        script.push_str(argument);
    }
    script.push_str(" \"$@\"\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_hands_its_arguments_on() {
        let script = script(Path::new("/headers"));
        let last = script.lines().last().unwrap();
        assert!(last.starts_with("exec x86_64-w64-mingw32-windres --preprocessor=cc "));
        assert!(last.ends_with("-isystem --preprocessor-arg=/headers \"$@\""));
    }
}
