"""What a certificate says of itself, as plain values: for the database, for commands and for the screens.

Owns the shape of a certificate's facts. Whoever made a certificate chose what stands in it, so each text is
bounded here, and made safe (`relay.text.safe`) by whoever shows it.
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
"""Of a certificate's alternative names."""

LARGEST_DER = 8 * 1024
"""Bytes of a certificate that are kept where the parser gives up."""

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

    Names are as RFC 4514 writes them, `san` has `DNS:localhost` and the like, times are ISO 8601 or null
    where they cannot be read, hashes and the serial number are hex. `purposes` is null where the certificate
    is for any; `ca` tells whether it may sign others. One that only OpenSSL takes has two more: `unparsed`,
    why the parser gave up, and `der`, its bytes in base64, null where they are more than `LARGEST_DER`.
    """
    found = {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "san": alternative_names(certificate)[:MOST_NAMES],
        "serial": f"{certificate.serial:x}",
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
    """`DNS:localhost`, `IP:127.0.0.1`, `URI:...`, `email:...`; empty where there are none."""
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
    """The extended key usages by name, or as dotted numbers; None where the certificate is for any."""
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
    """Whether a certificate is for `clientAuth` or `serverAuth`, by name or because it is for any."""
    named = purposes(certificate)
    return named is None or purpose in named or "any" in named


def is_authority(certificate: Certificate) -> bool:
    """Whether it may sign other certificates."""
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
    """The hash of its public key's SubjectPublicKeyInfo, which stays when it is renewed with the same key.

    An empty string where there is none to be found.
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
    """Whether a certificate has little left: 30 days, or a third of its whole time where that is less."""
    begins, ends = certificate.begins, certificate.ends
    return (
        begins is not None and ends is not None and ends - now < min(timedelta(days=30), (ends - begins) / 3)
    )


def time(at: datetime) -> str:
    """`2026-11-20T08:15:30Z`: certificates know no fractions."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
