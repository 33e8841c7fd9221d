//! A catalog that Microsoft made and signed, that of `PSScriptAnalyzer`: read by what reads ours, and
//! written by what writes ours.
//!
//! It is of version 1: SHA-1 alone, and digests as text. All else is as in version 2.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use authenticode::{SPC_INDIRECT_DATA_OBJID, SpcIndirectDataContent};
use der::Encode as _;
use der::oid::db::rfc5912::ID_SHA_1;
use wdk_linux::host::Workspace;
use x509_cert::attr::Attribute;

use super::asn1::{self, NameValue, TrustedSubject, oid};
use super::{Catalog, NAMES, signed_data};
use crate::digest::Digests;
use crate::listing;

const CATALOG: &str = "PSScriptAnalyzer.cat";

/// How many files are listed, and how many of them are unpacked: the others are profiles of systems.
const LISTED: usize = 54;
const UNPACKED: usize = 42;

/// How many of those are images.
const IMAGES: usize = 18;

fn folder() -> PathBuf {
    let workspace = Workspace::locate().unwrap();
    oracles::powershell::analyzer(&workspace).unwrap()
}

/// What the catalog says of a file.
struct Listed {
    name: String,
    image: bool,
    digest: Vec<u8>,
}

fn listed(subject: &TrustedSubject) -> Result<Listed> {
    let attributes = subject.attributes.iter();
    let mut data = attributes.filter(|attribute| attribute.oid == SPC_INDIRECT_DATA_OBJID);
    let data = data.next().context("a file has a digest")?;
    let data = data
        .values
        .iter()
        .next()
        .context("an attribute has a value")?;
    let data: SpcIndirectDataContent = data.decode_as()?;
    Ok(Listed {
        name: subject.named(NAMES[1]).context("a file has a path")?,
        image: match data.data.value_type {
            oid::PE_IMAGE_DATA => true,
            oid::CAB_DATA => false,
            other => bail!("{other} is no kind that is known here"),
        },
        digest: data.message_digest.digest.into_bytes(),
    })
}

/// Whether one of the subject's attributes is this one, byte for byte.
fn has(subject: &TrustedSubject, attribute: &Attribute) -> bool {
    subject.attributes.iter().any(|one| one == attribute)
}

/// How the file is listed that has this digest; `None` if it was not unpacked.
fn digest(folder: &Path, listed: &Listed) -> Option<Vec<u8>> {
    let content = fs::read(folder.join(listed.name.replace('\\', "/"))).ok()?;
    let digests = if listed.image {
        Digests::image(&content).unwrap()
    } else {
        Digests::flat(&content)
    };
    Some(digests.sha1)
}

#[test]
fn its_files_are_found_by_the_digests_that_are_made_here() {
    let folder = folder();
    let catalog = Catalog::read(&fs::read(folder.join(CATALOG)).unwrap()).unwrap();
    let (mut found, mut images) = (0, 0);
    for subject in &catalog.list.trusted_subjects {
        let listed = listed(subject).unwrap();
        let identifier = catalog.identifier(&listed.digest);
        assert_eq!(subject.identifier.as_bytes(), identifier, "{}", listed.name);
        images += usize::from(listed.image);
        if let Some(digest) = digest(&folder, &listed) {
            assert_eq!(digest, listed.digest, "{}", listed.name);
            assert!(catalog.member(&digest).is_some());
            found += 1;
        }
    }
    let listed = catalog.list.trusted_subjects.len();
    assert_eq!((listed, found, images), (LISTED, UNPACKED, IMAGES));
    assert_eq!(catalog.driver_version(), None);
}

#[test]
fn its_bytes_are_those_that_are_written_here_for_the_same_files() {
    let content = fs::read(folder().join(CATALOG)).unwrap();
    let catalog = Catalog::read(&content).unwrap();
    for subject in &catalog.list.trusted_subjects {
        let listed = listed(subject).unwrap();
        let digest = if listed.image {
            asn1::image_digest(ID_SHA_1, &listed.digest)
        } else {
            asn1::flat_digest(ID_SHA_1, &listed.digest)
        };
        assert!(has(subject, &digest.unwrap()), "{}", listed.name);
        let name = NameValue::new(NAMES[1], &listed.name).unwrap();
        assert!(has(subject, &name.attribute().unwrap()), "{}", listed.name);
    }
    let message = signed_data(&content).unwrap().encap_content_info;
    let written = catalog.list.to_der().unwrap();
    assert_eq!(message.econtent.unwrap().to_der().unwrap(), written);
}

#[test]
fn its_signer_is_microsoft_and_not_who_vouches_for_that() {
    let content = fs::read(folder().join(CATALOG)).unwrap();
    let signer = listing::catalog_signer(&content).unwrap();
    let subject = signer.tbs_certificate.subject.to_string();
    assert!(subject.contains("CN=Microsoft Corporation"), "{subject}");
    assert!(!subject.contains("PCA"), "{subject}");
}

/// Damage that has to be noticed.
#[test]
fn a_bit_of_a_file_and_a_digit_of_the_catalog_are_noticed() {
    let folder = folder();
    let content = fs::read(folder.join(CATALOG)).unwrap();
    let catalog = Catalog::read(&content).unwrap();
    for file in ["PSScriptAnalyzer.psd1", "Newtonsoft.Json.dll"] {
        let mut bytes = fs::read(folder.join(file)).unwrap();
        let digests = |bytes: &[u8]| match file {
            "Newtonsoft.Json.dll" => Digests::image(bytes).unwrap(),
            _ => Digests::flat(bytes),
        };
        let good = digests(&bytes).sha1;
        assert_eq!(catalog.member(&good).as_deref(), Some(file));
        bytes[0x400] ^= 1;
        assert_eq!(catalog.member(&digests(&bytes).sha1), None, "{file}");

        let identifier = catalog.identifier(&good);
        let mut windows = content.windows(identifier.len());
        let place = windows.position(|window| window == identifier).unwrap();
        let mut damaged = content.clone();
        damaged[place] = if damaged[place] == b'0' { b'1' } else { b'0' };
        let damaged = Catalog::read(&damaged).unwrap();
        assert_eq!(damaged.member(&good).as_deref(), other_with_the_same(file));
    }
}

/// The next file in the list with the same content: three are one library.
fn other_with_the_same(file: &str) -> Option<&'static str> {
    (file == "Newtonsoft.Json.dll").then_some("PSv3\\Newtonsoft.Json.dll")
}
