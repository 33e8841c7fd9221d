//! Versions of installed programs: what is expected of one may hold for some of them only.

use std::fmt;
use std::process::Command;

use anyhow::{Context as _, Result};

use wdk_linux::host::process::{self, QUERY_LIMIT};

/// The first two numbers of a version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// A version to compare with.
    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Asks a program for its own, by `--version`.
    ///
    /// # Errors
    ///
    /// If it is not there, or names none.
    pub(crate) fn of(program: &str) -> Result<Self> {
        let said = process::run(Command::new(program).arg("--version"), QUERY_LIMIT)?.stdout;
        Self::parse(&said).with_context(|| format!("{program} names no version: {said}"))
    }

    /// The first two numbers in a text with a full stop between them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split(|character: char| !character.is_ascii_digit() && character != '.')
            .find_map(|word| {
                let mut numbers = word.split('.').map(str::parse);
                let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
                    return None;
                };
                Some(Self { major, minor })
            })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (said, version) in [
            (
                "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright (c) 2003-2022\n",
                Some(Version::new(7, 2)),
            ),
            (
                "wine-10.0 (Debian 10.0~repack-6)\n",
                Some(Version::new(10, 0)),
            ),
            ("wine-9.0-rc1\n", Some(Version::new(9, 0))),
            ("version 7\n", None),
            ("a. b\n", None),
        ] {
            assert_eq!(Version::parse(said), version, "{said}");
        }
    }

    #[test]
    fn ten_is_more_than_nine() {
        assert!(Version::new(10, 0) > Version::new(9, 2));
        assert!(Version::new(7, 10) > Version::new(7, 2));
        assert_eq!(Version::new(7, 10).to_string(), "7.10");
    }
}
