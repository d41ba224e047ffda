"""Fields of a certificate as plain values: for the database, the commands and the screens.

Strangers choose the texts in a certificate, so this module bounds their length, and the code that displays
them makes them safe (`relay.text.safe`).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from relay.tls import der
from relay.tls.certificate import Certificate, cut

MOST_NAMES = 30
"""Alternative names kept of a certificate."""

LARGEST_DER = 8 * 1024
"""Bytes. A certificate that the parser refuses is kept whole up to this size."""

PURPOSES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
}


def facts(certificate: Certificate) -> dict[str, Any]:
    """`subject`, `issuer`, `san`, `serial`, `not_before`, `not_after`, `sha256`, `spki_sha256`, `purposes`,
    `ca`, `key`.

    Names are in the form of RFC 4514, `san` holds `DNS:localhost` and the like, times are ISO 8601 or null
    if unreadable, hashes and the serial number are hex. `purposes` is null if the certificate is for any;
    `ca` means that it may sign others. A certificate that only OpenSSL accepts has two more: `unparsed`,
    the parser's error, and `der`, its bytes in base64, null above `LARGEST_DER`.
    """
    found = {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "san": alternative_names(certificate)[:MOST_NAMES],
        "serial": cut(f"{certificate.serial:x}"),
        "not_before": time(certificate.begins) if certificate.begins else None,
        "not_after": time(certificate.ends) if certificate.ends else None,
        "sha256": sha256(certificate.der).hexdigest(),
        "spki_sha256": spki_sha256(certificate),
        "purposes": purposes(certificate),
        "ca": is_authority(certificate),
        "key": key(certificate),
    }
    if certificate.unparsed is not None:
        found["unparsed"] = certificate.unparsed
        whole = len(certificate.der) <= LARGEST_DER
        found["der"] = base64.b64encode(certificate.der).decode("ascii") if whole else None
    return found


def alternative_names(certificate: Certificate) -> list[str]:
    """`DNS:localhost`, `IP:127.0.0.1`, `URI:...`, `email:...`; empty if there are none."""
    if certificate.parsed is None:
        try:
            return [cut(name) for name in der.alternative_names(certificate.fields.extensions)]
        except ValueError:
            return []
    try:
        found = certificate.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [name for each in found if (name := _general_name(each)) is not None]


_KINDS: dict[type[x509.GeneralName], str] = {
    x509.DNSName: "DNS",
    x509.IPAddress: "IP",
    x509.UniformResourceIdentifier: "URI",
    x509.RFC822Name: "email",
}


def _general_name(name: x509.GeneralName) -> str | None:
    if isinstance(name, x509.DirectoryName):
        return f"dirName:{cut(name.value.rfc4514_string()) or '(empty)'}"
    kind = _KINDS.get(type(name))
    return None if kind is None else cut(f"{kind}:{name.value}")


def purposes(certificate: Certificate) -> list[str] | None:
    """Extended key usages by name, or as dotted numbers; None if the certificate is for any."""
    found: Iterable[x509.ObjectIdentifier] | None
    if certificate.parsed is None:
        try:
            found = der.purposes(certificate.fields.extensions)
        except ValueError:
            return []
    else:
        try:
            found = certificate.parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            found = None
    return None if found is None else [PURPOSES.get(oid, oid.dotted_string) for oid in found][:MOST_NAMES]


def serves(certificate: Certificate, purpose: str) -> bool:
    """Whether a certificate allows a purpose, `clientAuth` or `serverAuth`."""
    named = purposes(certificate)
    return named is None or purpose in named or "any" in named


def is_authority(certificate: Certificate) -> bool:
    """Whether a certificate may sign others."""
    if certificate.parsed is None:
        try:
            return der.is_authority(certificate.fields.extensions)
        except ValueError:
            return False
    try:
        return bool(certificate.parsed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def spki_sha256(certificate: Certificate) -> str:
    """Hash of the public key (SubjectPublicKeyInfo), which a renewal with the same key keeps.

    Empty if the key cannot be found.
    """
    return sha256(certificate.fields.spki).hexdigest() if certificate.fields.spki else ""


def key(certificate: Certificate) -> str:
    """`RSA 2048`, `EC secp256r1`, `ed25519`."""
    try:
        public = serialization.load_der_public_key(certificate.fields.spki)
    except (ValueError, UnsupportedAlgorithm):
        return "unknown"
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA {public.key_size}"
    if isinstance(public, ec.EllipticCurvePublicKey):
        return f"EC {public.curve.name}"
    return type(public).__name__.removesuffix("PublicKey").lower()


def ends_soon(certificate: Certificate, now: datetime) -> bool:
    """Whether a certificate ends within 30 days, or within a third of its lifetime if that is less."""
    begins, ends = certificate.begins, certificate.ends
    return (
        begins is not None and ends is not None and ends - now < min(timedelta(days=30), (ends - begins) / 3)
    )


def time(at: datetime) -> str:
    """`2026-11-20T08:15:30Z`; certificates have no fractions of a second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
