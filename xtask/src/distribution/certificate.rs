//! The certificate that a package is signed with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{self, QUERY_LIMIT};
use crate::step::step;
use crate::workspace::{Workspace, read_text, write_if_changed};

/// What Windows asks of a certificate for code, and nothing more. The kernel's code integrity
/// takes RSA.
const TEST_REQUEST: &str = "\
[req]
prompt = no
distinguished_name = name
x509_extensions = extensions
[name]
CN = svmsave test certificate
[extensions]
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectKeyIdentifier = hash
";

/// A PEM file with a certificate and its private key.
pub struct Certificate {
    file: PathBuf,
}

impl Certificate {
    /// The one in `file`, with its private key.
    pub fn of(file: &Path) -> Result<Self> {
        let text = read_text(file)?;
        for part in ["CERTIFICATE", "PRIVATE KEY"] {
            let begins = |line: &str| line.starts_with("-----BEGIN ") && line.contains(part);
            text.lines()
                .find(|line| begins(line))
                .with_context(|| format!("{} has no {part} in PEM", file.display()))?;
        }
        Ok(Self {
            file: file.to_owned(),
        })
    }

    /// The workspace's own, created when it is first asked for; nobody trusts it until it is
    /// installed.
    pub fn for_tests(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target().join("test-certificate");
        let file = folder.join("svmsave.pem");
        if !file.is_file() {
            step("test certificate", |_| create(&folder, &file))?;
        }
        Self::of(&file)
    }

    /// The file with both.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The certificate alone, as Windows wants it.
    pub fn der(&self) -> Result<Vec<u8>> {
        let der = self.file.with_extension("cer");
        let mut openssl = Command::new("openssl");
        openssl
            .args(["x509", "-outform", "DER", "-in"])
            .arg(&self.file);
        openssl.arg("-out").arg(&der);
        process::run(&mut openssl, QUERY_LIMIT)?;
        let bytes = fs::read(&der).with_context(|| format!("cannot read {}", der.display()))?;
        fs::remove_file(&der)?;
        Ok(bytes)
    }
}

fn create(folder: &Path, file: &Path) -> Result<()> {
    let request = folder.join("request.cnf");
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    write_if_changed(&request, TEST_REQUEST)?;
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256"]);
    openssl.args(["-days", "3650", "-config"]).arg(&request);
    openssl
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    process::run(&mut openssl, QUERY_LIMIT)?;
    // The key's file is for its owner alone, and becomes the one with both.
    let both = read_text(&key)? + &read_text(&certificate)?;
    fs::write(&key, both)?;
    fs::rename(&key, file)?;
    Ok(())
}
