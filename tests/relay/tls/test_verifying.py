"""The context of a client: it verifies, and what it accepts depends on no version of Python."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from relay.tls.verifying import verifying
from tests.support.certificates import Pki


def shake_hands(pki: Pki, context: ssl.SSLContext, name: str) -> None:
    """A handshake with the server of `pki`, without a network."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.folder / "server.pem", pki.folder / "server.key")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        context.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass


def test_an_authority_without_key_usage_is_trusted(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """`openssl req -x509` makes those, and Python's own default refuses them from 3.13 on."""
    shake_hands(pki, verifying(pki.folder / "root.pem"), "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.folder / "root.pem"))
    shake_hands(pki, verifying(), "localhost")


def test_another_name_or_authority_is_refused(pki: Pki) -> None:
    """Name and authority are verified, and without a file only the system's authorities are trusted."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(pki, verifying(pki.folder / "root.pem"), "other.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        shake_hands(pki, verifying(), "localhost")


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    """It is reported before any connection is made."""
    (tmp_path / "empty.pem").touch()
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(OSError):
            verifying(tmp_path / name)
