"""TLS facts in words."""

from __future__ import annotations

from relay.text.tls_facts import rows
from relay.tls import certificate, describe
from tests.support.certificates import CLIENT, make


def test_a_caller_with_a_certificate() -> None:
    """Everything that is known stands there, and hostile names are made visible."""
    pair = make("ev\x1b[31mil", purposes=CLIENT, names=("hooks.example.com", "::1"))
    leaf = certificate.of(pair.certificate)
    facts = describe.facts(leaf)
    tls = {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "sni": "relay.example.com",
        "alpn": None,
        "authenticated": False,
        "verdict": "self-signed",
        "words": "self-signed certificate",
        "why": "no authority signed it",
        "certificate": facts,
    }
    lines = list(rows(tls))
    assert lines[:4] == [
        ("tls", "TLSv1.3, TLS_AES_256_GCM_SHA384, to relay.example.com"),
        ("caller", "not authenticated: self-signed (self-signed certificate)"),
        ("", "no authority signed it"),
        ("subject", "CN=ev␛[31mil,O=Test"),
    ]
    known = dict(lines)
    assert known["names"] == "DNS:hooks.example.com, IP:::1"
    assert known["purposes"] == "clientAuth"
    assert known["pin"] == f"spki:{facts['spki_sha256']}"
    assert known["valid"] == f"{facts['not_before']} to {facts['not_after']}"


def test_what_another_program_wrote() -> None:
    """Missing and odd facts are left out."""
    assert list(rows({})) == [("tls", "yes")]
    odd = {"version": 5, "verdict": "trusted", "words": None, "certificate": ["x"], "authenticated": "yes"}
    assert list(rows(odd)) == [("tls", "yes"), ("caller", "not authenticated: trusted")]
