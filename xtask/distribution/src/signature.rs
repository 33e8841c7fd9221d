//! Authenticode signatures on images and catalogs, made by osslsigncode.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, QUERY_LIMIT};
use xtask::source_date::SourceDate;

use super::Certificate;

/// Signs files one after the other in the same manner.
pub struct Signer<'a> {
    workspace: &'a Workspace,
    certificate: &'a Certificate,
    date: SourceDate,
}

impl<'a> Signer<'a> {
    /// Signs with `certificate`, and as of `date`.
    pub fn new(workspace: &'a Workspace, certificate: &'a Certificate, date: SourceDate) -> Self {
        Self {
            workspace,
            certificate,
            date,
        }
    }

    /// Writes `file` with a signature, and the checksum that an image then has, to `output`.
    pub fn sign(&self, file: &Path, output: &Path) -> Result<()> {
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
