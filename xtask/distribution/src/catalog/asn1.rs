//! The types that a catalog is made of, as they are encoded.

use authenticode::SpcIndirectDataContent;
use authenticode::{DigestInfo, SPC_INDIRECT_DATA_OBJID, SpcAttributeTypeAndOptionalValue};
use der::asn1::{BitString, BmpString, ObjectIdentifier, OctetString, SetOfVec, UtcTime};
use der::{Any, Decode as _, Encode as _, Sequence, Tag, TagNumber};
use x509_cert::attr::Attribute;
use x509_cert::ext::Extension;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// Microsoft's object identifiers, by their names in `mscat.h`, `wintrust.h` and `wincrypt.h`.
pub(super) mod oid {
    use der::asn1::ObjectIdentifier;

    const fn microsoft(identifier: &str) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(identifier)
    }

    /// `szOID_CTL`
    pub(crate) const TRUST_LIST: ObjectIdentifier = microsoft("1.3.6.1.4.1.311.10.1");
    /// `szOID_CATALOG_LIST`
    pub(crate) const CATALOG_LIST: ObjectIdentifier = microsoft("1.3.6.1.4.1.311.12.1.1");
    /// `szOID_CATALOG_LIST_MEMBER`
    pub(crate) const CATALOG_LIST_MEMBER: ObjectIdentifier = microsoft("1.3.6.1.4.1.311.12.1.2");
    /// `szOID_CATALOG_LIST_MEMBER2`
    pub(crate) const CATALOG_LIST_MEMBER_V2: ObjectIdentifier = microsoft("1.3.6.1.4.1.311.12.1.3");
    /// `CAT_NAMEVALUE_OBJID`
    pub(crate) const NAME_VALUE: ObjectIdentifier = microsoft("1.3.6.1.4.1.311.12.2.1");
    /// `CAT_MEMBERINFO2_OBJID`
    pub(crate) const MEMBER_INFO_V2: ObjectIdentifier = microsoft("1.3.6.1.4.1.311.12.2.3");
    /// `SPC_PE_IMAGE_DATA_OBJID`
    pub(crate) const PE_IMAGE_DATA: ObjectIdentifier = microsoft("1.3.6.1.4.1.311.2.1.15");
    /// `SPC_CAB_DATA_OBJID`, which stands for any file that is no image too
    pub(crate) const CAB_DATA: ObjectIdentifier = microsoft("1.3.6.1.4.1.311.2.1.25");
}

/// `CRYPTCAT_ATTR_AUTHENTICATED`, `CRYPTCAT_ATTR_NAMEASCII` and `CRYPTCAT_ATTR_DATAASCII`: signed
/// with the rest, and a name and a value that are text.
const SIGNED_TEXT: u32 = 0x1001_0001;

/// `CertificateTrustList`
#[derive(Sequence)]
pub(super) struct TrustList {
    pub subject_usage: Vec<ObjectIdentifier>,
    pub list_identifier: OctetString,
    pub this_update: UtcTime,
    pub subject_algorithm: AlgorithmIdentifierOwned,
    pub trusted_subjects: Vec<TrustedSubject>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub extensions: Option<Vec<Extension>>,
}

impl TrustList {
    /// The text that the list has by this name.
    pub(super) fn named(&self, name: &str) -> Option<String> {
        let extensions = self.extensions.iter().flatten();
        extensions
            .filter(|extension| extension.extn_id == oid::NAME_VALUE)
            .filter_map(|extension| NameValue::from_der(extension.extn_value.as_bytes()).ok())
            .find_map(|pair| pair.named(name))
    }
}

/// `TrustedSubject`
#[derive(Sequence)]
pub(super) struct TrustedSubject {
    pub identifier: OctetString,
    pub attributes: SetOfVec<Attribute>,
}

impl TrustedSubject {
    /// The file with this digest.
    pub(super) fn new(digest: &[u8], attributes: Vec<Attribute>) -> der::Result<Self> {
        Ok(Self {
            identifier: OctetString::new(digest)?,
            attributes: attributes.try_into()?,
        })
    }

    /// The text that the subject has by this name.
    pub(super) fn named(&self, name: &str) -> Option<String> {
        let attributes = self.attributes.iter();
        attributes
            .filter(|attribute| attribute.oid == oid::NAME_VALUE)
            .flat_map(|attribute| attribute.values.iter())
            .filter_map(|value| value.decode_as::<NameValue>().ok())
            .find_map(|pair| pair.named(name))
    }
}

/// `CatalogNameValue`: a text by a name.
#[derive(Sequence)]
pub(super) struct NameValue {
    name: BmpString,
    flags: u32,
    value: OctetString,
}

impl NameValue {
    /// Both as the catalog has them: the value ends with a zero.
    pub(super) fn new(name: &str, value: &str) -> der::Result<Self> {
        let units = value.encode_utf16().chain([0]);
        let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
        Ok(Self {
            name: BmpString::from_utf8(name)?,
            flags: SIGNED_TEXT,
            value: OctetString::new(bytes)?,
        })
    }

    /// As part of what is said about a file.
    pub(super) fn attribute(&self) -> der::Result<Attribute> {
        attribute(oid::NAME_VALUE, Any::encode_from(self)?)
    }

    /// As part of what is said about the catalog.
    pub(super) fn extension(&self) -> der::Result<Extension> {
        Ok(Extension {
            extn_id: oid::NAME_VALUE,
            critical: false,
            extn_value: OctetString::new(self.to_der()?)?,
        })
    }

    fn named(&self, name: &str) -> Option<String> {
        if self.name.to_string() != name {
            return None;
        }
        let (units, _) = self.value.as_bytes().as_chunks::<2>();
        let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        let text = String::from_utf16(&units).ok()?;
        Some(text.trim_end_matches('\0').to_owned())
    }
}

/// `SpcPeImageData`
#[derive(Sequence)]
struct ImageData {
    flags: BitString,
    file: Any,
}

/// An algorithm without parameters.
pub(super) fn algorithm(oid: ObjectIdentifier) -> der::Result<AlgorithmIdentifierOwned> {
    Ok(AlgorithmIdentifierOwned {
        oid,
        parameters: Some(Any::encode_from(&der::asn1::Null)?),
    })
}

/// What each file has: `CAT_MEMBERINFO2` without content.
pub(super) fn member_info() -> der::Result<Attribute> {
    attribute(oid::MEMBER_INFO_V2, tagged(2, false, Vec::new())?)
}

/// The digest of an image, by this algorithm.
pub(super) fn image_digest(algorithm: ObjectIdentifier, digest: &[u8]) -> der::Result<Attribute> {
    let data = ImageData {
        // Includes resources and import address table.
        flags: BitString::new(5, [0b1010_0000])?,
        file: tagged(0, true, no_file()?.to_der()?)?,
    };
    let (value_type, value) = (oid::PE_IMAGE_DATA, Any::encode_from(&data)?);
    let data = SpcAttributeTypeAndOptionalValue { value_type, value };
    indirect_data(data, algorithm, digest)
}

/// The digest of any other file, by this algorithm.
pub(super) fn flat_digest(algorithm: ObjectIdentifier, digest: &[u8]) -> der::Result<Attribute> {
    let (value_type, value) = (oid::CAB_DATA, no_file()?);
    let data = SpcAttributeTypeAndOptionalValue { value_type, value };
    indirect_data(data, algorithm, digest)
}

fn indirect_data(
    data: SpcAttributeTypeAndOptionalValue,
    algorithm: ObjectIdentifier,
    digest: &[u8],
) -> der::Result<Attribute> {
    let content = SpcIndirectDataContent {
        data,
        message_digest: DigestInfo {
            digest_algorithm: self::algorithm(algorithm)?,
            digest: OctetString::new(digest)?,
        },
    };
    attribute(SPC_INDIRECT_DATA_OBJID, Any::encode_from(&content)?)
}

/// `SpcLink` to a file without a name.
fn no_file() -> der::Result<Any> {
    tagged(2, true, tagged(0, false, Vec::new())?.to_der()?)
}

fn tagged(number: u8, constructed: bool, content: Vec<u8>) -> der::Result<Any> {
    let tag = Tag::ContextSpecific {
        constructed,
        number: TagNumber::new(number),
    };
    Any::new(tag, content)
}

fn attribute(oid: ObjectIdentifier, value: Any) -> der::Result<Attribute> {
    Ok(Attribute {
        oid,
        values: vec![value].try_into()?,
    })
}
