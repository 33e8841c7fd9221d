//! Who signed a catalog.
//!
//! Of a signed message (RFC 5652) and a certificate (RFC 5280) little is read here: whose it is and
//! until when. The types of whole libraries for both would make a third of the program.

use der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, UtcTime};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};
use serde::{Deserialize, Serialize};

/// A message that is signed. Source: RFC 5652, section 5.1.
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

/// Attributes of a signature, either of which says at which time it was there: PKCS #9's
/// countersignature, and Microsoft's form of RFC 3161.
const TIME_STAMPS: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.6"),
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.3.3.1"),
];

/// Parts of a name that are shown, by the letters of RFC 4514.
const NAME_PARTS: [(ObjectIdentifier, &str); 4] = [
    (COMMON_NAME, "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ORGANIZATION, "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
];
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// The organisation whose certificates sign drivers for every Windows. It issues certificates for
/// others' programs, too, which count for no driver: its own signers have names that begin so.
///
/// Source: "Attestation signing" of Windows' documentation names "Microsoft Windows Hardware
/// Compatibility Publisher".
const MICROSOFT: &str = "Microsoft Corporation";
const MICROSOFT_SIGNER: &str = "Microsoft Windows";
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Why a catalog does not tell who signed it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is no signed message: {0}")]
    Der(#[from] der::Error),
    #[error("it is no signed message")]
    NotSignedData,
    #[error("it is not signed")]
    NotSigned,
    #[error("it lacks its signer's certificate")]
    NoCertificate,
}

/// Who signed, and until when that counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Signer {
    pub(crate) certificate: Certificate,
    /// Whether Windows takes it without test signing.
    pub(crate) kind: Kind,
    /// The first and the last second, since 1970, of the certificate.
    pub(crate) valid: (u64, u64),
    /// Whether a time stamp lets the signature outlive the certificate.
    pub(crate) has_time_stamp: bool,
}

/// A kind of signer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The certificate vouches for itself: one for tests.
    SelfSigned,
    /// Microsoft, by attestation or after tests.
    Microsoft,
    /// Another issuer, whose root this machine may trust.
    Other,
}

/// A certificate, as it is put into a store and found there again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Certificate {
    /// Whom it names.
    pub(crate) subject: String,
    /// The certificate itself, in DER.
    pub(crate) der: Vec<u8>,
}

impl Signer {
    /// Reads the first signer of a signed message.
    pub(crate) fn of_catalog(catalog: &[u8]) -> Result<Self, Unreadable> {
        let message = signed_data(catalog)?;
        let signers = message.last().ok_or(Unreadable::NotSignedData)?;
        let signers = elements(*signers, Tag::Set)?;
        let signer = signers.first().ok_or(Unreadable::NotSigned)?;
        let signer = elements(*signer, Tag::Sequence)?;
        let (issuer, serial) = signer_id(&signer)?;
        for certificate in message
            .iter()
            .filter(|part| is_context(**part, TagNumber::N0))
        {
            for certificate in elements(*certificate, certificate.tag())? {
                let parsed = Parsed::new(certificate)?;
                if parsed.issuer == issuer && parsed.serial == serial {
                    return Self::new(&parsed, has_time_stamp(&signer)?);
                }
            }
        }
        Err(Unreadable::NoCertificate)
    }

    fn new(certificate: &Parsed, has_time_stamp: bool) -> Result<Self, Unreadable> {
        let subject = name_parts(certificate.subject)?;
        let issuer = name_parts(certificate.issuer)?;
        let is_microsoft = |(part, name): &(_, String)| *part == ORGANIZATION && name == MICROSOFT;
        let is_signer =
            |(part, name): &(_, String)| *part == COMMON_NAME && name.starts_with(MICROSOFT_SIGNER);
        let kind = if certificate.subject == certificate.issuer {
            Kind::SelfSigned
        } else if issuer.iter().any(is_microsoft) && subject.iter().any(is_signer) {
            Kind::Microsoft
        } else {
            Kind::Other
        };
        Ok(Self {
            kind,
            valid: certificate.valid,
            has_time_stamp,
            certificate: Certificate {
                subject: shown(&subject),
                der: certificate.whole.to_der()?,
            },
        })
    }
}

/// The parts of a certificate that count here. Source: RFC 5280, section 4.1.
struct Parsed<'a> {
    whole: AnyRef<'a>,
    serial: AnyRef<'a>,
    issuer: AnyRef<'a>,
    valid: (u64, u64),
    subject: AnyRef<'a>,
}

impl<'a> Parsed<'a> {
    fn new(whole: AnyRef<'a>) -> Result<Self, Unreadable> {
        let parts = elements(whole, Tag::Sequence)?;
        let signed = parts.first().ok_or(Unreadable::NoCertificate)?;
        let mut parts = elements(*signed, Tag::Sequence)?;
        // The version, which the oldest certificates don't have.
        parts.retain(|part| !is_context(*part, TagNumber::N0));
        let [serial, _algorithm, issuer, validity, subject, ..] = parts[..] else {
            return Err(Unreadable::NoCertificate);
        };
        let times = elements(validity, Tag::Sequence)?;
        let [first, last] = times[..] else {
            return Err(Unreadable::NoCertificate);
        };
        Ok(Self {
            whole,
            serial,
            issuer,
            valid: (seconds(first)?, seconds(last)?),
            subject,
        })
    }
}

/// The parts of a signed message.
fn signed_data(catalog: &[u8]) -> Result<Vec<AnyRef<'_>>, Unreadable> {
    let content = elements(AnyRef::from_der(catalog)?, Tag::Sequence)?;
    let [kind, content] = content[..] else {
        return Err(Unreadable::NotSignedData);
    };
    if kind.decode_as::<ObjectIdentifier>()? != SIGNED_DATA || !is_context(content, TagNumber::N0) {
        return Err(Unreadable::NotSignedData);
    }
    let message = AnyRef::from_der(content.value())?;
    Ok(elements(message, Tag::Sequence)?)
}

/// The issuer and the serial number of a signer's certificate.
fn signer_id<'a>(signer: &[AnyRef<'a>]) -> Result<(AnyRef<'a>, AnyRef<'a>), Unreadable> {
    let id = signer.get(1).ok_or(Unreadable::NotSigned)?;
    match elements(*id, Tag::Sequence)?[..] {
        [issuer, serial] => Ok((issuer, serial)),
        _ => Err(Unreadable::NotSigned),
    }
}

fn has_time_stamp(signer: &[AnyRef]) -> Result<bool, Unreadable> {
    let unsigned = signer.iter().find(|part| is_context(**part, TagNumber::N1));
    let Some(unsigned) = unsigned else {
        return Ok(false);
    };
    for attribute in elements(*unsigned, unsigned.tag())? {
        let parts = elements(attribute, Tag::Sequence)?;
        let kind = parts.first().ok_or(Unreadable::NotSigned)?;
        if TIME_STAMPS.contains(&kind.decode_as()?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The parts of a name with their kinds, in the order in which they are written.
fn name_parts(name: AnyRef) -> der::Result<Vec<(ObjectIdentifier, String)>> {
    let mut found = Vec::new();
    for set in elements(name, Tag::Sequence)? {
        for part in elements(set, Tag::Set)? {
            if let [kind, value] = elements(part, Tag::Sequence)?[..] {
                found.push((kind.decode_as()?, text(value)));
            }
        }
    }
    Ok(found)
}

/// Text in whatever encoding a name has it.
fn text(value: AnyRef) -> String {
    if value.tag() == Tag::BmpString {
        let (units, _) = value.value().as_chunks::<2>();
        let units: Vec<_> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(value.value()).into_owned()
    }
}

/// A name as people read it, the narrowest part first. The signer has chosen the letters: what a
/// terminal would act on is spelt out.
fn shown(parts: &[(ObjectIdentifier, String)]) -> String {
    let mut shown = String::new();
    for (kind, value) in parts.iter().rev() {
        let Some((_, letters)) = NAME_PARTS.iter().find(|(part, _)| part == kind) else {
            continue;
        };
        if !shown.is_empty() {
            shown.push(',');
        }
        shown.push_str(letters);
        shown.push('=');
        for letter in value.chars() {
            if letter == ' ' || letter.is_ascii_graphic() || letter.is_alphanumeric() {
                shown.push(letter);
            } else {
                shown.extend(letter.escape_debug());
            }
        }
    }
    shown
}

/// A moment, in seconds since 1970.
fn seconds(time: AnyRef) -> der::Result<u64> {
    let since = if time.tag() == Tag::UtcTime {
        time.decode_as::<UtcTime>()?.to_unix_duration()
    } else {
        time.decode_as::<GeneralizedTime>()?.to_unix_duration()
    };
    Ok(since.as_secs())
}

/// What is inside an element, which has to be of this kind.
fn elements(outer: AnyRef<'_>, tag: Tag) -> der::Result<Vec<AnyRef<'_>>> {
    outer.tag().assert_eq(tag)?;
    let mut reader = SliceReader::new(outer.value())?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(AnyRef::decode(&mut reader)?);
    }
    Ok(elements)
}

/// Whether an element has this number in what it is part of.
fn is_context(element: AnyRef, number: TagNumber) -> bool {
    let constructed = true;
    element.tag()
        == Tag::ContextSpecific {
            constructed,
            number,
        }
}
