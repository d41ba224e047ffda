"""Handshakes that come to nothing, callers that take their time, and what passes once one is done."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
import time
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relay.receiver import handshakes
from relay.receiver.limits import ReceiverLimits
from relay.tls.handshake import ServerTls
from relay.tls.verdicts import Failure
from tests.support.certificates import SERVER, Pki, make
from tests.support.https import call, called, client_context, serving
from tests.support.program import connect
from tests.support.receiving import (
    Running,
    a_post,
    a_receiver,
)
from tests.support.waiting import until

Run = Callable[[Any], None]

CLIENT_AUTH = ("off", "optional")
"""Python's ssl, and pyOpenSSL."""


@pytest.fixture(params=CLIENT_AUTH)
def https(request: pytest.FixtureRequest, pki: Pki) -> Any:
    """A `ServerTls` of each kind."""
    return serving(pki, client_auth=request.param, client_ca=pki.folder / "root.pem")


async def refusal(running: Running) -> tuple[str, str]:
    """The one refusal that there is, or will be within a second: reason and detail."""
    await until(lambda: running.refusals.unwritten > 0, "a refusal", 1.0)
    (entry,) = running.refusals.take()
    assert entry.count == 1
    assert entry.client == "127.0.0.1"
    return entry.reason, entry.detail


def said(port: int, data: bytes, *, then_leave: bool = False) -> bytes:
    """What the port answers to plain bytes, until it closes."""
    with connect(port) as plain:
        plain.sendall(data)
        if then_leave:
            return b""
        return b"".join(iter(lambda: plain.recv(65536), b""))


class Observer:
    """One that sees nothing."""

    spoke = False

    def take_early(self) -> bytes:
        return b""

    def failed(self, failure: Failure) -> None:
        raise AssertionError(failure)


def test_a_connection_leaves_memory_at_once(https: ServerTls) -> None:
    """Nothing holds on to it or its OpenSSL object, whose tens of kilobytes no collector counts."""
    observer = Observer()
    made = https.context(observer).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
    gone = weakref.ref(made), weakref.ref(observer)
    del made, observer
    assert [each() for each in gone] == [None, None]


def test_plain_http(https: Any, run: Run, tmp_path: Path) -> None:
    """A plain request to the HTTPS port is told so in plain HTTP, at once."""

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https) as running:
            begun = time.monotonic()
            answer = await asyncio.to_thread(said, running.port, a_post())
            assert time.monotonic() - begun < 2
            assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert answer.endswith(b"\r\n\r\nthis port speaks HTTPS; the URL has to begin with https://\n")
            reason, detail = await refusal(running)
            assert reason == "tls-plain-http"
            assert "https://" in detail
            assert running.rows() == []

    run(main())


def test_no_tls(https: Any, run: Run, tmp_path: Path) -> None:
    """Bytes that are neither TLS nor HTTP are shown, and cannot paint the terminal."""

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https) as running:
            await asyncio.to_thread(said, running.port, b"\x00\x1b[31mSSH-2.0-nobody\r\n")
            reason, detail = await refusal(running)
            assert reason == "tls-not-tls"
            assert "\\x1b[31m" in detail

    run(main())


def test_too_old(https: Any, run: Run, pki: Pki, tmp_path: Path) -> None:
    """TLS 1.1 is refused by its name, and so are ciphers without forward secrecy."""

    def old(port: int) -> None:
        context = client_context(pki)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            call(port, context)

    def weak(port: int) -> None:
        context = client_context(pki, version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers("AES128-SHA")
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            call(port, context)

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https) as running:
            await asyncio.to_thread(old, running.port)
            assert await refusal(running) == (
                "tls-too-old",
                "it offers nothing newer than TLS 1.1, and the relay requires at least 1.2",
            )
            await asyncio.to_thread(weak, running.port)
            assert (await refusal(running))[0] == "tls-no-cipher"

    run(main())


def test_callers_that_do_not_trust_us(https: Any, run: Run, tmp_path: Path) -> None:
    """A caller that does not know our authority says so in an alert, and the refusal repeats it."""

    def wary(port: int) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            call(port, ssl.create_default_context())

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https) as running:
            await asyncio.to_thread(wary, running.port)
            reason, detail = await refusal(running)
            assert reason == "tls-not-trusted"
            assert "does not know the authority of this relay's certificate" in detail

    run(main())


def test_callers_that_leave(https: Any, run: Run, tmp_path: Path) -> None:
    """Leaving within the handshake is a refusal; looking whether the port is open is none."""

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https) as running:
            await asyncio.to_thread(said, running.port, b"", then_leave=True)
            await asyncio.to_thread(said, running.port, b"\x16\x03\x01\x02\x00\x01", then_leave=True)
            assert (await refusal(running))[0] == "tls-hung-up"
            await until(lambda: not running.receiver.connections.handshakes, "handshakes to end")

    run(main())


@pytest.mark.slow
def test_slow_handshakes(https: Any, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake that comes to no end is ended; of two slow callers the one that spoke is counted."""
    monkeypatch.setattr(handshakes, "HANDSHAKE_WITHIN_S", 0.3)

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https) as running:
            begun = time.monotonic()
            slow = asyncio.to_thread(said, running.port, b"\x16\x03\x01\x02\x00\x01")
            await asyncio.gather(slow, asyncio.to_thread(said, running.port, b""))
            assert 0.25 < time.monotonic() - begun < 3
            assert await refusal(running) == ("tls-timeout", "the handshake did not finish within 0.3 s")

    run(main())


def test_handshakes_count_as_connections(https: Any, run: Run, pki: Pki, tmp_path: Path) -> None:
    """At the cap the oldest handshake makes room for a webhook."""

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https, limits=ReceiverLimits(connections=8)) as running:
            silent = [connect(running.port) for _ in range(20)]
            try:
                answer = await called(running.port, client_context(pki))
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert len(running.receiver.connections.handshakes) <= 8
                assert running.refusals.counts["too-many-connections"] >= 12
            finally:
                for each in silent:
                    each.close()

    run(main())


@pytest.mark.slow
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_large_bodies_pass(https: Any, version: ssl.TLSVersion, run: Run, pki: Pki, tmp_path: Path) -> None:
    """Three megabytes come in whole, in pieces of any size, and the connection goes on."""
    body = bytes(range(256)) * 4 * 3072

    def post_thrice(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
            with client_context(pki, version=version).wrap_socket(
                plain, server_hostname="localhost"
            ) as secure:
                for piece in (1 << 20, 1000, 16384):
                    data = a_post(body if piece != 1000 else body[:90_001])
                    for at in range(0, len(data), piece):
                        secure.sendall(data[at : at + piece])
                    answer = secure.recv(65536)
                    assert answer.startswith(b"HTTP/1.1 200 "), answer

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https) as running:
            await asyncio.to_thread(post_thrice, running.port)
            stored = [row["body"] for row in running.rows()]
            assert stored == [body, body[:90_001], body]

    run(main())


def test_a_request_that_comes_with_the_end_of_the_handshake(
    https: Any, run: Run, pki: Pki, tmp_path: Path
) -> None:
    """Data in the same packet as the client's Finished is not lost."""
    context = client_context(pki, version=ssl.TLSVersion.TLSv1_3)

    def post(port: int) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with connect(port) as plain:
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    incoming.write(plain.recv(65536))
            tls.write(a_post())
            plain.sendall(outgoing.read())  # Finished and request at once
            while True:
                try:
                    return tls.read(65536)
                except ssl.SSLWantReadError:
                    incoming.write(plain.recv(65536))

    async def main() -> None:
        async with a_receiver(tmp_path, tls=https) as running:
            for _ in range(5):
                assert (await asyncio.to_thread(post, running.port)).startswith(b"HTTP/1.1 200 ")

    run(main())


def test_another_certificate_holds_for_new_connections(run: Run, pki: Pki, tmp_path: Path) -> None:
    """A certificate that is replaced serves those who come next; who is there stays."""
    other = make("localhost", pki.root, purposes=SERVER, names=("localhost",))
    cert, key = pki.file("other.pem", other.pem), pki.file("other.key", other.key_pem)

    def shown(secure: ssl.SSLSocket) -> str:
        certificate: Any = secure.getpeercert()
        return str(certificate["serialNumber"]).lower().lstrip("0")

    async def main() -> None:
        async with a_receiver(tmp_path, tls=serving(pki)) as running:

            def before_and_after() -> None:
                context = client_context(pki)
                with context.wrap_socket(connect(running.port), server_hostname="localhost") as old:
                    running.receiver.connections.tls = serving(pki, tls_cert=cert, tls_key=key)
                    with context.wrap_socket(connect(running.port), server_hostname="localhost") as new:
                        for each in (old, new):
                            each.sendall(a_post())
                            assert each.recv(65536).startswith(b"HTTP/1.1 200 ")
                        assert shown(old) == f"{pki.server.certificate.serial_number:x}"
                        assert shown(new) == f"{other.certificate.serial_number:x}"

            await asyncio.to_thread(before_and_after)

    run(main())


def test_facts_without_a_certificate_asked_for(run: Run, pki: Pki, tmp_path: Path) -> None:
    """Plain HTTPS keeps version, cipher, name and protocol, and says that nobody was asked who they are."""
    context = client_context(pki)
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def main() -> None:
        async with a_receiver(tmp_path, tls=serving(pki)) as running:
            await called(running.port, context)
            assert json.loads(running.rows()[0]["tls"]) == {
                "version": "TLSv1.3",
                "cipher": "TLS_AES_256_GCM_SHA384",
                "sni": "localhost",
                "alpn": "http/1.1",
                "client_auth": "off",
                "authenticated": False,
                "verdict": "not-asked",
                "words": "no client certificate was asked for",
                "why": None,
                "certificate": None,
            }

    run(main())


@pytest.mark.parametrize("auth", CLIENT_AUTH)
async def test_sessions_are_not_resumed_past_the_check(auth: str, pki: Pki, tmp_path: Path) -> None:
    """Where callers are asked for a certificate each connection is verified anew, offered session or not."""
    good = pki.client("good")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client_context(pki, good, version)
        https = serving(pki, client_auth=auth, client_ca=pki.folder / "root.pem")

        def twice(port: int, context: ssl.SSLContext = context) -> bool:
            session = None
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                    with context.wrap_socket(plain, server_hostname="localhost", session=session) as secure:
                        secure.sendall(a_post())
                        secure.recv(65536)
                        session, reused = secure.session, secure.session_reused
            return bool(reused)

        folder = tmp_path / version.name
        folder.mkdir()
        async with a_receiver(folder, tls=https) as running:
            reused = await asyncio.to_thread(twice, running.port)
            assert reused is (auth == "off")
            verdicts = [json.loads(row["tls"])["verdict"] for row in running.rows()]
            assert verdicts == (["not-asked"] * 2 if auth == "off" else ["trusted"] * 2)


async def test_renegotiation_and_compression_are_off(https: Any, pki: Pki, tmp_path: Path) -> None:
    """What OpenSSL's client makes of the port: no compression, and a renegotiation ends the connection."""
    async with a_receiver(tmp_path, tls=https) as running:
        command = ["openssl", "s_client", "-connect", f"localhost:{running.port}", "-tls1_2"]
        command += ["-CAfile", str(pki.folder / "root.pem")]

        def talk() -> str:
            # A line R asks s_client for a renegotiation.
            done = subprocess.run(command, input=b"R\n", capture_output=True, timeout=20)
            return (done.stdout + done.stderr).decode()

        text = await asyncio.to_thread(talk)
    assert "Compression: NONE" in text
    assert "RENEGOTIATING" in text
    assert "no renegotiation" in text
