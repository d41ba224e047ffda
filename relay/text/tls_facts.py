"""Describes a connection's TLS facts: encryption, the caller's certificate, and the verdict on it.

Owns the wording of the facts that `relay.tls.handshake` stores. Pure; every value is safe to show. Missing or
odd facts are left out, as another program may have written them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relay.text.safe import visible

Row = tuple[str, str]
"""A name of at most ten letters, and a line of text."""


def rows(tls: Mapping[str, Any]) -> Iterator[Row]:
    """Facts of a capture's connection, the caller's certificate last."""
    secured = [_text(tls, name) for name in ("version", "cipher", "alpn")]
    if _text(tls, "sni"):
        secured.append(f"to {_text(tls, 'sni')}")
    yield "tls", visible(", ".join(filter(None, secured)) or "yes")
    verdict = _text(tls, "verdict")
    if verdict:
        known = "authenticated" if tls.get("authenticated") is True else "not authenticated"
        words = _text(tls, "words")
        yield "caller", visible(f"{known}: {verdict}{f' ({words})' if words and words != verdict else ''}")
    if _text(tls, "why"):
        yield "", visible(_text(tls, "why"))
    certificate = tls.get("certificate")
    if isinstance(certificate, dict):
        yield from certificate_rows(certificate)


def certificate_rows(certificate: Mapping[str, Any]) -> Iterator[Row]:
    """Facts of one certificate, from `relay.tls.describe`."""
    yield "subject", visible(_text(certificate, "subject"))
    yield "issuer", visible(_text(certificate, "issuer"))
    names = certificate.get("san")
    if isinstance(names, list) and names:
        yield "names", visible(", ".join(map(str, names)))
    since, until = _text(certificate, "not_before"), _text(certificate, "not_after")
    if since or until:
        yield "valid", visible(f"{since} to {until}")
    if "purposes" in certificate:
        purposes = certificate["purposes"]
        yield "purposes", visible(", ".join(map(str, purposes)) if isinstance(purposes, list) else "any")
    if certificate.get("ca") is True:
        yield "authority", "yes, it may sign others"
    for name, field in (("key", "key"), ("serial", "serial"), ("sha256", "sha256")):
        if _text(certificate, field):
            yield name, visible(_text(certificate, field))
    if _text(certificate, "spki_sha256"):
        yield "pin", visible(f"spki:{_text(certificate, 'spki_sha256')}")
    if _text(certificate, "unparsed"):
        yield (
            "odd",
            visible(f"OpenSSL accepts it, stricter programs refuse it: {_text(certificate, 'unparsed')}"),
        )


def _text(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""
