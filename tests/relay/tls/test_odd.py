"""Client certificates that OpenSSL takes and the parser does not: its refusal keeps nobody out."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL

from relay.tls.client_auth import ClientAuth
from relay.tls.handshake import ServerTls
from tests.support import odd_certificates
from tests.support.certificates import Client, Pki, make
from tests.support.https import call, client_context, serving
from tests.support.program import connect
from tests.support.receiving import (
    Running,
    a_post,
    a_receiver,
)
from tests.support.waiting import until

Run = Callable[[Any], None]

VERDICTS = {"UTCTime with offset": "invalid"}
"""Of odd certificates of a good authority; all others are trusted, as OpenSSL has nothing against them."""


def posted(pki: Pki, port: int, client: Client) -> str:
    """The status line of a post with this certificate, or `failed`."""
    try:
        return call(port, client_context(pki, client)).decode().partition("\r\n")[0]
    except ssl.SSLError:
        return "failed"


async def the_refusal(running: Running) -> tuple[str, str]:
    """Reason and detail of the one that there is, or will be."""
    await until(lambda: running.refusals.unwritten > 0, "a refusal")
    (entry,) = running.refusals.take()
    assert (entry.client, entry.count) == ("127.0.0.1", 1)
    return entry.reason, entry.detail


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_each_oddity(mode: str, run: Run, tmp_path: Path) -> None:
    """Of a good authority: taken where OpenSSL takes it, with its facts; else counted with its subject."""
    pki = Pki.make(tmp_path)

    async def main() -> None:
        https = serving(pki, client_auth=mode, client_ca=pki.folder / "root.pem")
        async with a_receiver(tmp_path, tls=https) as running:
            for kind, (_, subject) in odd_certificates.KINDS.items():
                verdict = VERDICTS.get(kind, "trusted")
                client = odd_certificates.client(kind, pki)
                said = await asyncio.to_thread(posted, pki, running.port, client)
                if mode == "required" and verdict != "trusted":
                    assert said == "failed", kind
                    reason, detail = await the_refusal(running)
                    assert reason == f"tls-{verdict}", kind
                    assert f": {subject}, issued by CN=Test Root,O=Test" in detail, kind
                    continue
                assert said == "HTTP/1.1 200 OK", kind
                facts = json.loads(running.rows()[-1]["tls"])
                assert (facts["verdict"], facts["authenticated"]) == (verdict, verdict == "trusted"), kind
                see_facts(facts["certificate"], subject, client, kind)
                assert not running.refusals.take(), kind

    run(main())


def see_facts(facts: dict[str, Any], subject: str, client: Client, kind: str) -> None:
    """Told as far as it can be read; where the parser gave up, with the reason and all its bytes."""
    assert client.cert is not None
    der = ssl.PEM_cert_to_DER_cert(client.cert.read_text())
    assert facts["subject"] == subject, kind
    assert facts["issuer"] == "CN=Test Root,O=Test", kind
    assert facts["key"] == "EC secp256r1", kind
    assert facts["not_after"].startswith("20"), kind
    if odd_certificates.is_parsed(der):
        assert "unparsed" not in facts, kind
    else:
        assert facts["unparsed"], kind
        assert base64.b64decode(facts["der"]) == der, kind
        assert facts["purposes"] == ["clientAuth"], kind


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["T61String in Latin-1", "PrintableString with @", "critical FALSE written out"]
)
def test_of_an_unknown_authority(kind: str, run: Run, tmp_path: Path) -> None:
    """`optional` takes it and says who is not known, `required` counts it."""
    pki = Pki.make(tmp_path)
    client = odd_certificates.client(kind, pki, make("Foreign Root", ca=True))
    root = pki.folder / "root.pem"

    async def main() -> None:
        async with a_receiver(tmp_path, tls=serving(pki, client_auth="optional", client_ca=root)) as running:
            assert await asyncio.to_thread(posted, pki, running.port, client) == "HTTP/1.1 200 OK"
            assert json.loads(running.rows()[-1]["tls"])["verdict"] == "unknown-issuer"
            running.receiver.connections.tls = serving(pki, client_auth="required", client_ca=root)
            assert await asyncio.to_thread(posted, pki, running.port, client) == "failed"
            reason, detail = await the_refusal(running)
            assert reason == "tls-unknown-issuer"
            assert "issued by CN=Foreign Root,O=Test" in detail

    run(main())


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["T61String in Latin-1", "PrintableString with @", "critical FALSE written out"]
)
def test_an_odd_authority(kind: str, run: Run, tmp_path: Path) -> None:
    """An authority of `client_ca` may be odd as well: its callers are known, and those of its neighbour."""
    pki = Pki.make(tmp_path)
    edit, _ = odd_certificates.KINDS[kind]
    der, key = odd_certificates.odd(edit, pki.root, ca=True)
    both = pki.file("authorities.pem", odd_certificates.pem(der) + pki.root.pem)
    client = odd_certificates.client_below(der, key, pki)

    async def main() -> None:
        https = serving(pki, client_auth="required", client_ca=both)
        async with a_receiver(tmp_path, tls=https) as running:
            for each in (client, pki.client("good")):
                assert await asyncio.to_thread(posted, pki, running.port, each) == "HTTP/1.1 200 OK"
                assert json.loads(running.rows()[-1]["tls"])["authenticated"] is True

    run(main())


def test_a_fault_of_ours_within_a_callback(
    run: Run, pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is raised while OpenSSL asks is counted and logged; the caller gets an end, not silence."""

    def broken(*_: Any) -> bool:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr(ClientAuth, "may_continue", broken)

    async def main() -> None:
        https = serving(pki, client_auth="optional", client_ca=pki.folder / "root.pem")
        async with a_receiver(tmp_path, tls=https) as running:
            assert await asyncio.to_thread(posted, pki, running.port, pki.client("good")) == "failed"
            assert await the_refusal(running) == ("internal", "LookupError during the handshake")
            await until(lambda: not running.receiver.connections.handshakes, "handshakes to end")

    with caplog.at_level(logging.ERROR):
        run(main())
    assert [record.name for record in caplog.records] == ["relay.receiver"]
    assert "nobody thought of this" in caplog.text


def test_a_fault_of_ours_behind_a_handshake(
    run: Run, pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is raised between handshake and request is counted and logged as well, and ends the connection."""

    def broken(*_: Any) -> str:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr(ServerTls, "facts", broken)

    async def main() -> None:
        async with a_receiver(tmp_path, tls=serving(pki)) as running:
            with pytest.raises(OSError):
                assert await asyncio.to_thread(call, running.port, client_context(pki)) == b""
                raise ConnectionResetError("an end of the stream is as good")
            assert await the_refusal(running) == ("internal", "LookupError during the handshake")
            await until(lambda: not running.receiver.connections.handshakes, "handshakes to end")

    with caplog.at_level(logging.ERROR):
        run(main())
    assert [record.name for record in caplog.records] == ["relay.receiver"]


@pytest.mark.parametrize("mode", ["off", "optional"])
def test_a_server_name_that_is_none(
    mode: str, run: Run, pki: Pki, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Bytes in the name that a caller asks for reach no terminal, and cost nobody else anything."""

    def ask(port: int) -> bytes:
        """The answer, or nothing."""
        connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        connection.set_connect_state()
        connection.set_tlsext_host_name(b"\xff\x1b[31mname")
        sent = False
        with connect(port) as plain:
            while True:
                try:
                    if not sent:
                        connection.do_handshake()
                        connection.send(a_post(headers=[("Connection", "close")]))
                        sent = True
                    return connection.recv(65536)
                except SSL.WantReadError:
                    try:
                        while True:
                            plain.sendall(connection.bio_read(65536))
                    except SSL.WantReadError:
                        pass
                    data = plain.recv(65536)
                    if not data:
                        return b""
                    connection.bio_write(data)
                except SSL.Error:
                    return b""

    async def main() -> None:
        https = serving(pki, client_auth=mode, client_ca=pki.folder / "root.pem")
        async with a_receiver(tmp_path, tls=https) as running:
            answer = await asyncio.to_thread(ask, running.port)
            if mode == "off":  # Python's ssl wants a host name
                assert answer == b""
                assert await the_refusal(running) == (
                    "tls-failed",
                    "the name that it asked for (SNI) is not a host name",
                )
            else:
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert "\x1b[31m" in json.loads(running.rows()[-1]["tls"])["sni"]

    run(main())
    assert capfd.readouterr().err == ""
