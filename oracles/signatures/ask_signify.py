"""Asks signify, which was written elsewhere, whether Windows could trust a driver package.

ask_signify.py FOLDER CERTIFICATE: writes a line for each thing that holds to standard output, and a line
for each that doesn't to standard error; ends with 2 if there is one. The certificate in
CERTIFICATE, a PEM file, is the only one that is trusted.
"""

import pathlib
import re
import sys
from unittest import mock


def _search(pattern, text, flags=0, search=re.search):
    if pattern == r"\b(\d\.\d\.\d[a-z]*)\b":
        pattern = r"\b(\d\.\d\.\d+[a-z]*)\b"
    return search(pattern, text, flags)


# oscrypto 1.3.0 expects one digit at the end of OpenSSL's version, and Debian 12 has 3.0.19.
with mock.patch("re.search", _search):
    import oscrypto.asymmetric  # noqa: F401

from asn1crypto import pem
from signify.authenticode import AuthenticodeFile, CertificateTrustList
from signify.exceptions import SignifyError
from signify.x509 import Certificate, CertificateStore

IMAGES = ["svmsave.sys", "client.exe"]
CATALOG = "svmsave.cat"
MEMBERS = ["svmsave.sys", "svmsave.inf"]


def signature(file: pathlib.Path, trusted: CertificateStore) -> None:
    """Raises an error unless the image's own signature holds."""
    with file.open("rb") as content:
        AuthenticodeFile.from_stream(content).verify(
            signature_types="embedded",
            multi_verify_mode="all",
            trusted_certificate_store=trusted,
        )


def catalog_signature(file: pathlib.Path, trusted: CertificateStore) -> None:
    """Raises an error unless the catalog's signature holds."""
    catalog = CertificateTrustList.from_envelope(file.read_bytes())
    catalog.verify(trusted_certificate_store=trusted)


def membership(file: pathlib.Path, trusted: CertificateStore) -> None:
    """Raises an error unless the catalog beside the file is signed and has the file as it is."""
    with file.open("rb") as content, file.with_name(CATALOG).open("rb") as catalog:
        member = AuthenticodeFile.from_stream(content, allow_flat=True)
        member.add_catalog(catalog)
        member.verify(
            signature_types="catalog+",
            multi_verify_mode="all",
            trusted_certificate_store=trusted,
        )


def main() -> int:
    folder, certificate = map(pathlib.Path, sys.argv[1:])
    blocks = pem.unarmor(certificate.read_bytes(), multiple=True)
    certificates = [Certificate.from_der(der) for name, _, der in blocks if name == "CERTIFICATE"]
    trusted = CertificateStore(certificates, trusted=True)
    questions = [(name, "its signature", signature) for name in IMAGES]
    questions.append((CATALOG, "its signature", catalog_signature))
    questions += [(name, f"its digest in {CATALOG}", membership) for name in MEMBERS]
    refused = 0
    for name, what, question in questions:
        try:
            question(folder / name, trusted)
            print(f"{name}: {what}")
        except SignifyError as error:
            print(f"{name}: {what}: {type(error).__name__}", file=sys.stderr)
            refused = 2
    return refused


if __name__ == "__main__":
    sys.exit(main())
