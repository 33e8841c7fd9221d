//! Authenticode signatures on images and catalogs, made by osslsigncode.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::Certificate;
use crate::process::{self, QUERY_LIMIT};
use crate::source_date::SourceDate;
use crate::workspace::Workspace;

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

    /// Writes `file` with a signature, and the checksum that an image then has, to `signed`.
    pub fn sign(&self, file: &Path, signed: &Path) -> Result<()> {
        let mut signer = self.workspace.tool("osslsigncode");
        signer.args(["sign", "-h", "sha256", "-n", "svmsave"]);
        signer.arg("-certs").arg(self.certificate.file());
        signer.arg("-key").arg(self.certificate.file());
        signer
            .arg("-time")
            .arg(self.date.since_epoch().as_secs().to_string());
        signer.arg("-in").arg(file).arg("-out").arg(signed);
        process::run(&mut signer, QUERY_LIMIT)
            .with_context(|| format!("cannot sign {}", file.display()))?;
        Ok(())
    }
}
