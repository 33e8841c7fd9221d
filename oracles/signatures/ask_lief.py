"""Asks LIEF, which was written elsewhere, whether the images of a driver package are signed.

ask_lief.py FOLDER CERTIFICATE: writes a line for each thing that holds to standard output, and a line
for each that doesn't to standard error; ends with 2 if there is one. The first certificate in
CERTIFICATE, a PEM file, has to be the one that signed.
"""

import pathlib
import re
import ssl
import sys

import lief

IMAGES = ["svmsave.sys", "client.exe"]
CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def violation(file: pathlib.Path, certificate: bytes) -> str | None:
    """What is wrong with the image's signature, by LIEF's names; nothing if it holds.

    LIEF compares the image with its digest, and that with the key of the certificate that the image
    brings along; which one that has to be is asked here.
    """
    image = lief.PE.parse(str(file))
    if image is None:
        return "no image"
    flags = image.verify_signature()
    if flags != lief.PE.Signature.VERIFICATION_FLAGS.OK:
        return str(flags).removeprefix("VERIFICATION_FLAGS.")
    for signature in image.signatures:
        if any(signer.cert.raw != certificate for signer in signature.signers):
            return "another certificate"
    return None


def main() -> int:
    folder, certificate = map(pathlib.Path, sys.argv[1:])
    # What LIEF says in passing; the flags say it, too.
    lief.logging.disable()
    # The one that signs stands first.
    certificate = ssl.PEM_cert_to_DER_cert(CERTIFICATE.search(certificate.read_text())[0])
    refused = 0
    for name in IMAGES:
        wrong = violation(folder / name, certificate)
        line = f"{name}: its signature"
        if wrong is None:
            print(line)
        else:
            print(f"{line}: {wrong}", file=sys.stderr)
            refused = 2
    return refused


if __name__ == "__main__":
    sys.exit(main())
