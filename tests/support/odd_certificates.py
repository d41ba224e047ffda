"""Certificates that OpenSSL takes and stricter parsers do not, or not without a warning.

Owns how each is odd. Each is a good one whose DER is edited, signed again by the same authority.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import crypto

from relay.tls.der import Element, elements, first
from tests.support.certificates import CLIENT, Client, Pair, Pki, make

Edit = Callable[[list[Element]], list[bytes]]
"""The parts of a certificate -> those of the odd one: version, serial, algorithm, issuer, validity, subject,
key, extensions."""

SERIAL, ISSUER, VALIDITY, SUBJECT, EXTENSIONS = 1, 3, 4, 5, 7


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element."""
    value = b"".join(parts)
    if len(value) < 128:
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + value


def put(at: int, value: bytes) -> Edit:
    """Another value for one part; nothing where it is empty."""
    return lambda parts: [value if number == at else each.whole for number, each in enumerate(parts)]


def common_name(tag: int, value: bytes) -> Edit:
    """A subject of one common name of this string type."""
    oid = bytes.fromhex("0603550403")
    return put(SUBJECT, tlv(0x30, tlv(0x31, tlv(0x30, oid, tlv(tag, value)))))


def validity(begins: bytes, ends: bytes) -> Edit:
    return put(VALIDITY, tlv(0x30, tlv(0x17, begins), tlv(0x17, ends)))


def extensions(edit: Callable[[list[bytes]], list[bytes]]) -> Edit:
    """Other extensions, each a whole element."""

    def edited(parts: list[Element]) -> list[bytes]:
        inside = [each.whole for each in elements(first(parts[EXTENSIONS].value).value)]
        return put(EXTENSIONS, tlv(0xA3, tlv(0x30, *edit(inside))))(parts)

    return edited


def not_critical(extension: bytes) -> bytes:
    """An extension with the default of `critical` written out."""
    parts = elements(first(extension).value)
    return extension if len(parts) > 2 else tlv(0x30, parts[0].whole, tlv(0x01, b"\0"), parts[1].whole)


def version_1(parts: list[Element]) -> list[bytes]:
    return [each.whole for each in parts[SERIAL:EXTENSIONS]]


KINDS: dict[str, tuple[Edit, str]] = {
    "T61String in Latin-1": (common_name(0x14, "Müller GmbH".encode("latin-1")), "CN=Müller GmbH"),
    "PrintableString with @": (common_name(0x13, b"hooks@example.com"), "CN=hooks@example.com"),
    "PrintableString with _": (common_name(0x13, b"my_app"), "CN=my_app"),
    "PrintableString with &": (common_name(0x13, b"A & B, Inc"), "CN=A & B\\, Inc"),
    "BMPString": (common_name(0x1E, "Müller GmbH".encode("utf-16-be")), "CN=Müller GmbH"),
    "critical FALSE written out": (
        extensions(lambda inside: list(map(not_critical, inside))),
        "CN=odd,O=Test",
    ),
    "UTCTime with offset": (validity(b"250101000000+0400", b"450101000000+0400"), "CN=odd,O=Test"),
    "empty subject": (put(SUBJECT, tlv(0x30)), "(empty)"),
    "version 1": (version_1, "CN=odd,O=Test"),
    "serial 0": (put(SERIAL, tlv(0x02, b"\0")), "CN=odd,O=Test"),
    "negative serial": (put(SERIAL, tlv(0x02, b"\xfb")), "CN=odd,O=Test"),
    "names that are none": (
        extensions(
            lambda inside: [*inside, tlv(0x30, bytes.fromhex("0603551d11"), tlv(0x04, b"\x30\x02\x87\x00"))]
        ),
        "CN=odd,O=Test",
    ),
}
"""Each edit, and the subject as it has to be shown."""


TWICE = extensions(lambda inside: [*inside, inside[-1]])
"""An extension, the purposes, twice: no mode lets such a one in, and its facts are still shown."""


def odd(edit: Edit, signer: Pair, *, ca: bool = False) -> tuple[bytes, ec.EllipticCurvePrivateKey]:
    """The DER of an odd certificate of this authority, and its key."""
    good = make("odd", signer, purposes=CLIENT, ca=ca)
    tbs, algorithm, _ = elements(first(good.certificate.public_bytes(serialization.Encoding.DER)).value)
    edited = tlv(0x30, *edit(elements(tbs.value)))
    signature = signer.key.sign(edited, ec.ECDSA(hashes.SHA256()))
    return tlv(0x30, edited, algorithm.whole, tlv(0x03, b"\0", signature)), good.key


def pem(der: bytes) -> bytes:
    """Through OpenSSL, which has to take it."""
    return crypto.dump_certificate(crypto.FILETYPE_PEM, crypto.load_certificate(crypto.FILETYPE_ASN1, der))


def client(kind: str, pki: Pki, signer: Pair | None = None) -> Client:
    """The files of a caller with an odd certificate; its authority is the root unless another is given."""
    return _files(pki, f"odd {kind}", *odd(KINDS[kind][0], signer or pki.root))


def client_below(der: bytes, key: ec.EllipticCurvePrivateKey, pki: Pki) -> Client:
    """The files of a caller whose certificate this odd authority issued."""
    issuer = elements(elements(first(der).value)[0].value)[SUBJECT].whole
    return _files(pki, "below", *odd(put(ISSUER, issuer), make("stands for it", key=key)))


def _files(pki: Pki, name: str, der: bytes, key: ec.EllipticCurvePrivateKey) -> Client:
    stem = name.replace(" ", "-")
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Client(pki.file(f"{stem}.pem", pem(der)), pki.file(f"{stem}.key", key_pem))


def is_parsed(der: bytes) -> bool:
    """Whether cryptography's parser takes it, names and extensions and all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is warned of some that are taken
        try:
            found = x509.load_der_x509_certificate(der)
            found.subject.rfc4514_string()
            _ = found.extensions
        except Exception:  # of any kind
            return False
    return True
