//! Authenticode signatures on images and catalogs, made by osslsigncode.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, QUERY_LIMIT};
use xtask::source_date::SourceDate;

use super::Certificate;

/// The first version that sorts the certificates of a chain in a signature.
///
/// They are a SET, whose DER encoding is in ascending order (X.690, section 11.6). Older versions leave
/// them as they come, and signtool rejects a catalog that is signed so.
const SORTS_CHAINS: [u32; 2] = [2, 8];

/// Signs files one after the other in the same manner.
pub(crate) struct Signer<'a> {
    workspace: &'a Workspace,
    certificate: &'a Certificate,
    date: SourceDate,
}

impl<'a> Signer<'a> {
    /// Signs with `certificate`, and as of `date`.
    ///
    /// # Errors
    ///
    /// If the osslsigncode of this machine can't sign with that certificate as Windows wants it.
    pub(crate) fn new(
        workspace: &'a Workspace,
        certificate: &'a Certificate,
        date: SourceDate,
    ) -> Result<Self> {
        let mut osslsigncode = workspace.tool("osslsigncode");
        // What counts is that it prints its version.
        let (_, said) = process::outcome(osslsigncode.arg("--version"), QUERY_LIMIT)?;
        let version = version(&said.stdout).context("osslsigncode says no version")?;
        let length = certificate.chain_length();
        if leaves_unsorted(version, length) {
            let ([major, minor], [first, since]) = (version, SORTS_CHAINS);
            bail!(
                "osslsigncode {major}.{minor} leaves the {length} certificates of {} unsorted, and \
                 signtool and Windows reject such a signature: install osslsigncode {first}.{since} \
                 or later, or leave the certificate that signs alone in that file",
                certificate.file().display()
            );
        }
        Ok(Self {
            workspace,
            certificate,
            date,
        })
    }

    /// Writes `file` with a signature, and the checksum that an image then has, to `output`.
    pub(crate) fn sign(&self, file: &Path, output: &Path) -> Result<()> {
        // osslsigncode doesn't write over a file.
        if output.exists() {
            fs::remove_file(output)
                .with_context(|| format!("cannot replace {}", output.display()))?;
        }
        let mut command = self.workspace.tool("osslsigncode");
        command.args(["sign", "-h", "sha256", "-n", "svmsave"]);
        command.arg("-certs").arg(self.certificate.file());
        command.arg("-key").arg(self.certificate.file());
        command
            .arg("-time")
            .arg(self.date.since_epoch().as_secs().to_string());
        command.arg("-in").arg(file).arg("-out").arg(output);
        process::run(&mut command, QUERY_LIMIT)
            .with_context(|| format!("cannot sign {}", file.display()))?;
        Ok(())
    }
}

/// The version in what osslsigncode says of itself: major and minor.
fn version(said: &str) -> Option<[u32; 2]> {
    let version = said.trim_start().strip_prefix("osslsigncode ")?;
    let end = version.find(|character: char| !character.is_ascii_digit() && character != '.');
    let mut parts = version[..end.unwrap_or(version.len())].split('.');
    Some([parts.next()?.parse().ok()?, parts.next()?.parse().ok()?])
}

/// Whether a signature with so many certificates has them out of order; with one there is no order.
fn leaves_unsorted(version: [u32; 2], certificates: usize) -> bool {
    certificates > 1 && version < SORTS_CHAINS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_the_program_prints_it() {
        for (said, expected) in [
            ("osslsigncode 2.5, using:\n\tOpenSSL 3.0.11\n", [2, 5]),
            ("osslsigncode 2.10.1, using:\n", [2, 10]),
            ("osslsigncode 2.9\n", [2, 9]),
        ] {
            assert_eq!(version(said), Some(expected));
        }
        for said in [
            "",
            "osslsigncode",
            "osslsigncode 2, using:",
            "usage: osslsigncode 2.5",
        ] {
            assert_eq!(version(said), None, "{said}");
        }
    }

    #[test]
    fn only_a_chain_and_only_before_2_8_is_left_unsorted() {
        for (version, certificates, unsorted) in [
            ([2, 5], 2, true),
            ([2, 7], 3, true),
            ([2, 5], 1, false),
            ([2, 8], 2, false),
            ([2, 10], 2, false),
            ([3, 0], 2, false),
        ] {
            assert_eq!(leaves_unsorted(version, certificates), unsorted);
        }
    }
}
