"""What a certificate says of itself, as plain values: for the log, for commands and for the screens.

Owns the shape of a certificate's facts. Whoever made a certificate chose what stands in it, so each text is
bounded here, and made safe (`relay.text`) by whoever shows it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

LONGEST = 500
"""Characters of one text."""

MOST_NAMES = 30
"""Of a certificate's alternative names."""

PURPOSES = {
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
}


def facts(certificate: x509.Certificate) -> dict[str, Any]:
    """`subject`, `issuer`, `san`, `serial`, `not_before`, `not_after`, `sha256`, `spki_sha256`, `purposes`,
    `ca`, `key`.

    Names are as RFC 4514 writes them, `san` has `DNS:localhost` and the like, times are ISO 8601, hashes and
    the serial number are hex. `purposes` is null where the certificate is for any; `ca` tells whether it may
    sign others.
    """
    return {
        "subject": name(certificate.subject),
        "issuer": name(certificate.issuer),
        "san": alternative_names(certificate)[:MOST_NAMES],
        "serial": f"{certificate.serial_number:x}",
        "not_before": time(certificate.not_valid_before_utc),
        "not_after": time(certificate.not_valid_after_utc),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "spki_sha256": spki_sha256(certificate),
        "purposes": purposes(certificate),
        "ca": is_authority(certificate),
        "key": key(certificate),
    }


def name(of: x509.Name) -> str:
    """`CN=webhooks.example.com,O=Example`; `(empty)` where there is nothing in it."""
    try:
        return _cut(of.rfc4514_string()) or "(empty)"
    except ValueError:
        return "(unreadable)"


def parts(of: x509.Name) -> set[str]:
    """Each attribute of a name as text: `CN=webhooks.example.com`."""
    try:
        return {attribute.rfc4514_string() for attribute in of}
    except ValueError:
        return set()


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """`DNS:localhost`, `IP:127.0.0.1`, `URI:...`, `email:...`; empty where there are none."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    kinds: dict[type[x509.GeneralName], str] = {
        x509.DNSName: "DNS",
        x509.IPAddress: "IP",
        x509.UniformResourceIdentifier: "URI",
        x509.RFC822Name: "email",
    }
    names = []
    for each in found:
        kind = kinds.get(type(each))
        if kind is not None:
            names.append(_cut(f"{kind}:{each.value}"))
        elif isinstance(each, x509.DirectoryName):
            names.append(f"dirName:{name(each.value)}")
    return names


def purposes(certificate: x509.Certificate) -> list[str] | None:
    """The extended key usages by name, or as dotted numbers; None where the certificate is for any."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    except (x509.DuplicateExtension, ValueError):
        return []
    return [PURPOSES.get(oid, oid.dotted_string) for oid in found][:MOST_NAMES]


def serves(certificate: x509.Certificate, purpose: str) -> bool:
    """Whether a certificate is for `clientAuth` or `serverAuth`, by name or because it is for any."""
    named = purposes(certificate)
    return named is None or purpose in named or "any" in named


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign other certificates."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False


def spki_sha256(certificate: x509.Certificate) -> str:
    """The hash of its public key's SubjectPublicKeyInfo, which stays when it is renewed with the same key.

    An empty string for a key of a kind that cannot be read.
    """
    try:
        data = certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except (ValueError, UnsupportedAlgorithm):
        return ""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize().hex()


def key(certificate: x509.Certificate) -> str:
    """`RSA 2048`, `EC secp256r1`, `ed25519`."""
    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "unknown"
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA {public.key_size}"
    if isinstance(public, ec.EllipticCurvePublicKey):
        return f"EC {public.curve.name}"
    return type(public).__name__.removesuffix("PublicKey").lower()


def ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether a certificate has little left: 30 days, or a third of its whole time where that is less."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return ends - now < min(timedelta(days=30), (ends - begins) / 3)


def time(at: datetime) -> str:
    """`2026-11-20T08:15:30Z`: certificates know no fractions."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
