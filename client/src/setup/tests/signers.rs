//! Catalogs of every kind of signer.

use super::super::package::Signer;
use super::super::package::signer::{Kind, Unreadable};

const SELF_SIGNED: &[u8] = include_bytes!("../../../tests/setup/self-signed.cat");
const CHAIN: &[u8] = include_bytes!("../../../tests/setup/chain.cat");
const MICROSOFT: &[u8] = include_bytes!("../../../tests/setup/microsoft.cat");

#[test]
fn the_signer_is_read_from_the_catalog() {
    for (catalog, subject, kind) in [
        (SELF_SIGNED, "CN=svmsave test certificate", Kind::SelfSigned),
        (CHAIN, "CN=somebody", Kind::Other),
        (
            MICROSOFT,
            "CN=Microsoft Windows Hardware Compatibility Publisher",
            Kind::Microsoft,
        ),
    ] {
        let signer = Signer::of_catalog(catalog).unwrap();
        assert_eq!(signer.certificate.subject, subject);
        assert_eq!(signer.kind, kind);
        assert!(!signer.has_time_stamp);
        let (first, last) = signer.valid;
        assert!(first < last, "{subject}");
        // The certificate as a whole, and nothing else: it is what goes into the stores.
        let der = &signer.certificate.der;
        assert!(catalog.windows(der.len()).any(|bytes| bytes == der));
    }
}

/// Microsoft issues certificates for others' programs, too, and no Windows takes a driver for those.
#[test]
fn a_certificate_that_microsoft_issued_to_another_is_not_microsofts() {
    let mut catalog = MICROSOFT.to_vec();
    let (own, other) = (b"Microsoft Windows Hardware", b"Contoso Laboratories, Inc.");
    let at = catalog.windows(own.len()).position(|bytes| bytes == own);
    let at = at.unwrap();
    catalog[at..at + own.len()].copy_from_slice(other);
    let signer = Signer::of_catalog(&catalog).unwrap();
    assert!(signer.certificate.subject.contains("Contoso"));
    assert_eq!(signer.kind, Kind::Other);
}

#[test]
fn what_is_no_signed_catalog_is_refused_and_never_a_panic() {
    assert!(matches!(
        Signer::of_catalog(include_bytes!("../../../tests/setup/unsigned.cat")),
        Err(Unreadable::NotSigned)
    ));
    for length in 0..SELF_SIGNED.len() {
        assert!(
            Signer::of_catalog(&SELF_SIGNED[..length]).is_err(),
            "{length}"
        );
    }
    for place in 0..SELF_SIGNED.len() {
        let mut damaged = SELF_SIGNED.to_vec();
        damaged[place] ^= 0xFF;
        let _ = Signer::of_catalog(&damaged);
    }
}
