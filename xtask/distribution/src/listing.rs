//! What is in a package: its files, who signed them, and the version that each of them names.
//!
//! Reads the package as it stands; whether to trust the signatures is for others to say.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use authenticode::AttributeCertificateIterator;
use cms::cert::CertificateChoices;
use cms::signed_data::SignerIdentifier;
use der::Decode as _;
use object_of_authenticode::read::pe::PeFile64;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use xtask::inf;

use super::catalog::{self, Catalog};
use super::digest::Digests;
use crate::version::file_version;

/// The package in `folder`, one line for each file and each statement of its version.
///
/// # Errors
///
/// If a file is missing or can't be read, isn't in the catalog as it is, or if the versions differ.
pub fn of(folder: &Path) -> Result<String> {
    let mut names: Vec<String> = folder
        .read_dir()
        .with_context(|| format!("no package in {}: `cargo xtask package`", folder.display()))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    names.sort();
    let mut listing = String::new();
    for name in names {
        let content = fs::read(folder.join(&name))?;
        let signer = signer(&name, &content).with_context(|| name.clone())?;
        writeln!(
            listing,
            "{name:<14} {:>8}  sha256 {}  {}",
            content.len(),
            hex::encode(Sha256::digest(&content)),
            signer.unwrap_or_else(|| "-".to_owned()),
        )?;
    }
    writeln!(listing)?;
    for (place, version) in versions(folder)? {
        writeln!(listing, "{place:<36} {version}")?;
    }
    Ok(listing)
}

/// The subject of the certificate that a file was signed with, if it is of a signed kind.
fn signer(name: &str, content: &[u8]) -> Result<Option<String>> {
    let certificate = match Path::new(name).extension().and_then(|one| one.to_str()) {
        Some("sys" | "exe") => image_signer(content)?,
        Some("cat") => catalog_signer(content)?,
        Some("cer") => Certificate::from_der(content)?,
        _ => return Ok(None),
    };
    Ok(Some(certificate.tbs_certificate.subject.to_string()))
}

fn image_signer(content: &[u8]) -> Result<Certificate> {
    let image = PeFile64::parse(content)?;
    let table = AttributeCertificateIterator::new(&image)?.context("it is not signed")?;
    for entry in table {
        let signature = entry?.get_authenticode_signature()?;
        let signer = &signature.signer_info().sid;
        let mut certificates = signature.certificates();
        if let Some(certificate) = certificates.find(|one| is_of(signer, one)) {
            return Ok(certificate.clone());
        }
    }
    bail!("its signature does not have the certificate that signed")
}

pub(crate) fn catalog_signer(content: &[u8]) -> Result<Certificate> {
    let message = catalog::signed_data(content)?;
    let signers = message.signer_infos.0;
    let signer = signers.iter().next().context("it is not signed")?;
    let certificates = message.certificates.into_iter();
    let certificates = certificates.flat_map(|certificates| certificates.0.into_vec());
    certificates
        .filter_map(|one| match one {
            CertificateChoices::Certificate(certificate) => Some(certificate),
            CertificateChoices::Other(_) => None,
        })
        .find(|certificate| is_of(&signer.sid, certificate))
        .context("its signature does not have the certificate that signed")
}

/// Whether a signature says of this certificate that it signed. The others of a chain are beside it, in
/// the order of their bytes.
fn is_of(signer: &SignerIdentifier, certificate: &Certificate) -> bool {
    let SignerIdentifier::IssuerAndSerialNumber(signer) = signer else {
        return false;
    };
    let certificate = &certificate.tbs_certificate;
    signer.issuer == certificate.issuer && signer.serial_number == certificate.serial_number
}

/// Every place that names the version, with what it says.
fn versions(folder: &Path) -> Result<Vec<(&'static str, String)>> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (driver, client, inf) = (
        read("svmsave.sys")?,
        read("client.exe")?,
        read("svmsave.inf")?,
    );
    let catalog = Catalog::read(&read("svmsave.cat")?)?;
    for (name, digests) in [
        ("svmsave.sys", Digests::image(&driver)?),
        ("svmsave.inf", Digests::flat(&inf)),
    ] {
        for digest in [&digests.sha1, &digests.sha256] {
            let listed = catalog.member(digest);
            ensure!(
                listed.as_deref() == Some(name),
                "svmsave.cat doesn't have {name} as it is"
            );
        }
    }
    let inf = String::from_utf8(inf)?;
    let of_inf = inf::driver_version(&inf).context("svmsave.inf has no DriverVer")?;
    let (_, version) = of_inf.split_once(',').context("DriverVer has no version")?;
    let of_catalog = catalog
        .driver_version()
        .context("svmsave.cat has no DriverVer")?;
    let of_images = [file_version(&driver)?, file_version(&client)?];
    ensure!(
        of_catalog == of_inf && of_images.iter().all(|one| one == version),
        "the versions differ: {of_inf} in the INF, {of_catalog} in the catalog, {} in the files",
        of_images.join(" and ")
    );
    let [of_driver, of_client] = of_images;
    Ok(vec![
        ("svmsave.inf, DriverVer", of_inf),
        ("svmsave.cat, DriverVer", of_catalog),
        ("svmsave.sys, version resource", of_driver),
        ("client.exe, version resource", of_client),
    ])
}
