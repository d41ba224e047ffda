"""Stable words and sentences for results of verifications and handshakes.

Owns the verdicts, the refusals and their hints. Pure: knows codes and texts, no connection. Versions of
OpenSSL differ in wording, so the codes decide and the words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Meaning:
    """Meaning of one of OpenSSL's verification codes."""

    verdict: str
    """The stable word."""
    words: str
    """OpenSSL's wording."""


TRUSTED = "trusted"
NOT_ASKED = "not-asked"
NO_CERTIFICATE = "no-certificate"
WRONG_PIN = "wrong-pin"
UNKNOWN_ISSUER = "unknown-issuer"
UNKNOWN_AUTHORITY = "unknown-authority"

MEANINGS: Mapping[int, Meaning] = {
    2: Meaning(UNKNOWN_AUTHORITY, "unable to get issuer certificate"),
    7: Meaning("bad-signature", "certificate signature failure"),
    9: Meaning("not-yet-valid", "certificate is not yet valid"),
    10: Meaning("expired", "certificate has expired"),
    13: Meaning("invalid", "format error in certificate's notBefore field"),
    14: Meaning("invalid", "format error in certificate's notAfter field"),
    18: Meaning("self-signed", "self-signed certificate"),
    19: Meaning(UNKNOWN_AUTHORITY, "self-signed certificate in certificate chain"),
    20: Meaning(UNKNOWN_ISSUER, "unable to get local issuer certificate"),
    21: Meaning(UNKNOWN_ISSUER, "unable to verify the first certificate"),
    22: Meaning("bad-chain", "certificate chain too long"),
    23: Meaning("revoked", "certificate revoked"),
    25: Meaning("bad-chain", "path length constraint exceeded"),
    26: Meaning("wrong-purpose", "unsuitable certificate purpose"),
    27: Meaning(UNKNOWN_AUTHORITY, "certificate not trusted"),
    28: Meaning("wrong-purpose", "certificate rejected"),
    32: Meaning("bad-chain", "key usage does not include certificate signing"),
    34: Meaning("bad-extension", "unhandled critical extension"),
    41: Meaning("bad-extension", "invalid or inconsistent certificate extension"),
    47: Meaning("bad-chain", "permitted subtree violation"),
    48: Meaning("bad-chain", "excluded subtree violation"),
    66: Meaning("weak", "EE certificate key too weak"),
    67: Meaning("weak", "CA certificate key too weak"),
    68: Meaning("weak", "CA signature digest algorithm too weak"),
    79: Meaning("bad-chain", "invalid CA certificate"),
}
"""By number of `X509_V_ERR_...`, the same in every OpenSSL; others are `invalid`."""


def meaning(code: int) -> Meaning:
    """Meaning of a verification code other than 0."""
    return MEANINGS.get(code) or Meaning("invalid", f"verification error {code}")


def hint(verdict: str, depth: int, leaf: Mapping[str, Any], at: Mapping[str, Any], trusts: str) -> str:
    """Cause of a verdict, and advice.

    Args:
        depth: position of the error in the chain; 0 is the caller's own certificate.
        leaf: facts of the caller's certificate, from `relay.tls.describe.facts`.
        at: facts of the certificate with the error.
        trusts: name of the file of trusted authorities.
    """
    whose = "" if depth == 0 else f", of {at.get('subject', '')} in its chain"
    match verdict:
        case "expired":
            return f"it expired on {at.get('not_after')}{whose}; its owner has to renew it"
        case "not-yet-valid":
            return f"it is valid from {at.get('not_before')}{whose}; one of the two clocks may be wrong"
        case "wrong-purpose":
            named = at.get("purposes")
            only = f"it is only for {', '.join(named)}" if named else "it is not for this"
            return (
                f"{only}{whose}, and clients need clientAuth; public authorities no longer issue "
                "certificates with clientAuth, so get one from a private authority"
            )
        case "unknown-issuer":
            return (
                f"its issuer {leaf.get('issuer')} was not sent with it and is not in {trusts}: either an "
                "intermediate certificate is missing, which its owner has to send along, or another "
                "authority signed it"
            )
        case "unknown-authority":
            return (
                f"it leads to {at.get('issuer')}, which is not in {trusts}: another authority signed it, "
                "or the file is incomplete"
            )
        case "self-signed":
            return f"no authority signed it; add it to {trusts} if you trust just this certificate"
        case "bad-signature":
            return "its signature was not made with its issuer's key: an authority of the same name signed it"
        case "weak":
            return f"its key or digest is too weak{whose}; its owner has to replace it"
        case _:
            return f"see `lean-relay certs show` for its file{whose}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a handshake failed."""

    reason: str
    """A stable word, `tls-...`."""
    detail: str


_ALERTS = (
    ("unknown ca", "it does not know the authority of this relay's certificate"),
    ("certificate unknown", "it does not trust this relay's certificate"),
    ("bad certificate", "it does not accept this relay's certificate"),
    ("certificate expired", "it says that this relay's certificate has expired"),
    ("unsupported certificate", "it does not support this relay's type of certificate"),
    ("access denied", "it accepts this relay's certificate but refuses access"),
)
"""Alerts of a client that does not trust the server (RFC 8446, 6.2)."""

_TRUST = "; does it connect by a name in the certificate and trust its authority? see `lean-relay certs show`"


def failure(reason: str, *, first: bytes = b"") -> Failure:
    """Why a handshake failed.

    Args:
        reason: OpenSSL's word: `HTTP_REQUEST` (Python's ssl) or `http request` (pyOpenSSL).
        first: the first bytes received.
    """
    words = reason.lower().replace("_", " ")
    if "http request" in words or "https proxy request" in words or _is_http(first):
        return Failure(
            reason="tls-plain-http",
            detail="it spoke plain HTTP to the HTTPS port; its URL must start with https://",
        )
    if "alert" in words:
        return _alert(words)
    if "unsupported protocol" in words or "version too low" in words or "no protocols available" in words:
        return Failure(
            reason="tls-too-old",
            detail="it offers nothing newer than TLS 1.1, and the relay requires at least 1.2",
        )
    if "no shared cipher" in words or "no suitable" in words or "no shared group" in words:
        return Failure(
            reason="tls-no-cipher",
            detail="it offers no cipher, signature or curve that the relay accepts (forward secrecy, AEAD)",
        )
    if "callback failed" in words:
        return Failure(reason="tls-failed", detail="the name that it asked for (SNI) is not a host name")
    if first[:1] not in (b"", b"\x16", b"\x80"):
        return Failure(reason="tls-not-tls", detail=f"it did not send TLS: {first[:16]!r}")
    return Failure(reason="tls-failed", detail=words or "the handshake failed")


def _alert(words: str) -> Failure:
    if "protocol version" in words:
        return Failure(
            reason="tls-too-old", detail="it accepts neither TLS 1.2 nor 1.3, which the relay speaks"
        )
    for alert, means in _ALERTS:
        if alert in words:
            return Failure(reason="tls-not-trusted", detail=f"{means} (alert {alert}){_TRUST}")
    return Failure(reason="tls-failed", detail=f"it ended the handshake: {words}")


def _is_http(first: bytes) -> bool:
    method, blank, _ = first.partition(b" ")
    return bool(blank) and len(method) <= 16 and method.isalpha() and method.isupper()
