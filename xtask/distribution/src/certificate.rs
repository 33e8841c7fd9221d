//! The certificate that a package is signed with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use der::Document;
use wdk_linux::host;
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, QUERY_LIMIT};
use wdk_linux::host::step;
use wdk_linux::host::workspace::{read_text, write_if_changed};
use xtask::needs;

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

/// Where the certificate itself begins and ends in a PEM file.
const MARKS: [&str; 2] = ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"];

/// A PEM file with a certificate and its private key.
pub struct Certificate {
    file: PathBuf,
    der: Vec<u8>,
    chain_length: usize,
}

impl Certificate {
    /// The one in `file`, or else a test certificate of this workspace, which is made when it is
    /// first asked for and which is not trusted until it is installed.
    ///
    /// # Errors
    ///
    /// If there is none in the file, or none can be made.
    pub fn find(workspace: &Workspace, file: Option<&Path>) -> Result<Self> {
        if let Some(file) = file {
            return Self::of(file);
        }
        host::ensure(workspace, needs::SIGNING, &[])?;
        let folder = workspace.target().join("test-certificate");
        let file = folder.join("svmsave.pem");
        if !file.is_file() {
            step("test certificate", |_| create(&folder, &file))?;
        }
        Self::of(&file)
    }

    fn of(file: &Path) -> Result<Self> {
        let text = read_text(file)?;
        if !text.contains("PRIVATE KEY-----") {
            bail!("{} has no private key in PEM", file.display());
        }
        let der = first_certificate(&text)
            .with_context(|| format!("{} has no certificate in PEM", file.display()))?;
        Ok(Self {
            file: file.to_owned(),
            der,
            chain_length: text.matches(MARKS[0]).count(),
        })
    }

    /// The file with both.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// How many certificates the file has: the one that signs, and those that vouch for it.
    pub(crate) fn chain_length(&self) -> usize {
        self.chain_length
    }

    /// The certificate alone, as Windows wants it.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }
}

/// The certificate that stands first: of those in a chain, the one that signs.
fn first_certificate(text: &str) -> Result<Vec<u8>> {
    let [begin, end] = MARKS.map(|mark| text.find(mark));
    let begin = begin.context("no certificate begins")?;
    let end = end.context("no certificate ends")? + MARKS[1].len();
    let block = text.get(begin..end).context("it ends before it begins")?;
    let (_, document) = Document::from_pem(block)?;
    Ok(document.into_vec())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_certificate_of_a_chain_is_the_one() {
        let [begin, end] = MARKS;
        let chain = format!(
            "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n\
             {begin}\nMAMCAQE=\n{end}\n{begin}\nMAMCAQI=\n{end}\n"
        );
        assert_eq!(first_certificate(&chain).unwrap(), b"0\x03\x02\x01\x01");
    }

    #[test]
    fn a_file_without_a_whole_certificate_is_an_error() {
        let [begin, end] = MARKS;
        for text in [
            String::new(),
            format!("{begin}\nMAMCAQE=\n"),
            format!("{end}\n{begin}\nMAMCAQE=\n"),
            format!("{begin}\nno base64\n{end}\n"),
        ] {
            assert!(first_certificate(&text).is_err(), "{text}");
        }
    }
}
