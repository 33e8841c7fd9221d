//! The security catalog: a certificate trust list of files by their digests, in the form of the
//! catalogs that `inf2cat` makes for Windows 10.
//!
//! Microsoft has not published the form of version 2, the one with SHA-256. What is written here
//! follows catalogs that are in use: each file is listed twice, by SHA-256 and by SHA-1.

mod asn1;
#[cfg(all(test, feature = "boot"))]
mod microsoft;

use anyhow::{Context as _, Result, ensure};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{EncapsulatedContentInfo, SignedData, SignerInfos};
use der::asn1::{OctetString, SetOfVec, UtcTime};
use der::oid::db::rfc5911::ID_SIGNED_DATA;
use der::oid::db::rfc5912::ID_SHA_256;
use der::{Any, Decode as _, Encode as _};
use sha2::{Digest as _, Sha256};
use xtask::source_date::SourceDate;

use self::asn1::{NameValue, TrustList, TrustedSubject, algorithm, oid};
use super::digest::Digests;

/// Windows 10, as a file's `OSAttr` says it: platform 2, NT, and its version.
const FILE_SYSTEM_VERSION: &str = "2:10.0";

/// Windows 10 on x64, as the catalog's `OS` says it.
const CATALOG_SYSTEM: &str = "_v100_X64";

/// What a catalog calls the name of a file, and its path.
const NAMES: [&str; 2] = ["File", "FilePath"];

/// A file of the package.
pub(crate) struct Member {
    name: &'static str,
    kind: Kind,
    digests: Digests,
}

#[derive(Clone, Copy)]
enum Kind {
    Image,
    Flat,
}

impl Member {
    /// An image for Windows' loader.
    pub(crate) fn image(name: &'static str, content: &[u8]) -> Result<Self> {
        Ok(Self {
            name,
            kind: Kind::Image,
            digests: Digests::image(content).with_context(|| name.to_owned())?,
        })
    }

    /// Any other file.
    pub(crate) fn flat(name: &'static str, content: &[u8]) -> Self {
        Self {
            name,
            kind: Kind::Flat,
            digests: Digests::flat(content),
        }
    }

    fn subjects(&self) -> der::Result<[TrustedSubject; 2]> {
        let named = || -> der::Result<_> {
            Ok(vec![
                asn1::member_info()?,
                NameValue::new(NAMES[0], self.name)?.attribute()?,
                NameValue::new("OSAttr", FILE_SYSTEM_VERSION)?.attribute()?,
            ])
        };
        let sha256 = &self.digests.sha256;
        let mut attributes = named()?;
        attributes.push(match self.kind {
            Kind::Image => asn1::image_digest(ID_SHA_256, sha256)?,
            Kind::Flat => asn1::flat_digest(ID_SHA_256, sha256)?,
        });
        Ok([
            TrustedSubject::new(sha256, attributes)?,
            TrustedSubject::new(&self.digests.sha1, named()?)?,
        ])
    }
}

/// A catalog, to be written or as it was read.
pub(crate) struct Catalog {
    list: TrustList,
}

impl Catalog {
    /// The catalog of `members`, for the driver with this `DriverVer`.
    pub(crate) fn new(members: &[Member], driver_version: &str, date: SourceDate) -> Result<Self> {
        let mut identity = Sha256::new();
        let mut subjects = Vec::new();
        for member in members {
            identity.update(&member.digests.sha256);
            subjects.extend(member.subjects()?);
        }
        let list = TrustList {
            subject_usage: vec![oid::CATALOG_LIST],
            // `inf2cat` takes a random one; it has to be another for other content only.
            list_identifier: OctetString::new(&identity.finalize()[..16])?,
            this_update: UtcTime::from_unix_duration(date.since_epoch())?,
            subject_algorithm: algorithm(oid::CATALOG_LIST_MEMBER_V2)?,
            trusted_subjects: subjects,
            extensions: Some(vec![
                NameValue::new("OS", CATALOG_SYSTEM)?.extension()?,
                // Not among what `inf2cat` writes: Windows takes it as a name that it doesn't ask
                // for, people as what the catalog belongs to.
                NameValue::new("DriverVer", driver_version)?.extension()?,
            ]),
        };
        Ok(Self { list })
    }

    /// The catalog in a message that is not signed yet.
    pub(crate) fn unsigned(&self) -> Result<Vec<u8>> {
        let message = SignedData {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::new(),
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: oid::TRUST_LIST,
                econtent: Some(Any::encode_from(&self.list)?),
            },
            certificates: None,
            crls: None,
            signer_infos: SignerInfos(SetOfVec::new()),
        };
        let content = ContentInfo {
            content_type: ID_SIGNED_DATA,
            content: Any::encode_from(&message)?,
        };
        Ok(content.to_der()?)
    }

    /// Reads the catalog from a message, by whatever signer.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let message = signed_data(bytes)?;
        ensure!(
            message.encap_content_info.econtent_type == oid::TRUST_LIST,
            "the message holds no trust list"
        );
        let content = message
            .encap_content_info
            .econtent
            .context("the message holds nothing")?;
        let list: TrustList = content.decode_as()?;
        ensure!(
            list.subject_usage == [oid::CATALOG_LIST],
            "the trust list is no catalog"
        );
        let version = list.subject_algorithm.oid;
        ensure!(
            [oid::CATALOG_LIST_MEMBER, oid::CATALOG_LIST_MEMBER_V2].contains(&version),
            "the catalog is of a version that is not known here"
        );
        Ok(Self { list })
    }

    /// The name that the file with this digest has in the catalog, or its path: `inf2cat` writes the
    /// one, PowerShell's `New-FileCatalog` the other.
    pub(crate) fn member(&self, digest: &[u8]) -> Option<String> {
        let identifier = self.identifier(digest);
        let mut subjects = self.list.trusted_subjects.iter();
        let subject = subjects.find(|subject| subject.identifier.as_bytes() == identifier)?;
        let [name, path] = NAMES.map(|name| subject.named(name));
        name.or(path)
    }

    /// What stands for the file with this digest: the digest, or in version 1, which has SHA-1 alone,
    /// its hexadecimal digits as a text of Windows'.
    fn identifier(&self, digest: &[u8]) -> Vec<u8> {
        if self.list.subject_algorithm.oid != oid::CATALOG_LIST_MEMBER {
            return digest.to_vec();
        }
        let digits = hex::encode_upper(digest);
        let units = digits.encode_utf16().chain([0]);
        units.flat_map(u16::to_le_bytes).collect()
    }

    /// The `DriverVer` that the catalog was made for.
    pub(crate) fn driver_version(&self) -> Option<String> {
        self.list.named("DriverVer")
    }
}

/// The signed message of a `.cat` file.
pub(crate) fn signed_data(bytes: &[u8]) -> Result<SignedData> {
    let content = ContentInfo::from_der(bytes)?;
    ensure!(
        content.content_type == ID_SIGNED_DATA,
        "the file is no signed message"
    );
    Ok(content.content.decode_as()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let members = [Member::flat("svmsave.inf", b"[Version]\r\n")];
        let date = SourceDate::from_seconds(1_752_019_200);
        Catalog::new(&members, "07/09/2025,0.1.0.0", date).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let read = Catalog::read(&catalog().unsigned().unwrap()).unwrap();
        let digests = Digests::flat(b"[Version]\r\n");
        for digest in [&digests.sha256, &digests.sha1] {
            assert_eq!(read.member(digest).as_deref(), Some("svmsave.inf"));
        }
        assert_eq!(read.member(&Digests::flat(b"[version]\r\n").sha256), None);
        assert_eq!(read.driver_version().as_deref(), Some("07/09/2025,0.1.0.0"));
    }

    #[test]
    fn the_same_content_makes_the_same_bytes() {
        assert_eq!(catalog().unsigned().unwrap(), catalog().unsigned().unwrap());
    }

    #[test]
    fn what_is_no_catalog_is_an_error() {
        assert!(Catalog::read(b"0\x03\x02\x01\x01").is_err());
        let bytes = catalog().unsigned().unwrap();
        assert!(Catalog::read(&bytes[..bytes.len() - 1]).is_err());
        let mut other = catalog();
        other.list.subject_usage = vec![oid::TRUST_LIST];
        assert!(Catalog::read(&other.unsigned().unwrap()).is_err());
    }
}
