"""Why there is no connection, and TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relay.delivery.http import addresses
from relay.delivery.http.connect import unreachable_reason
from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import destination
from relay.delivery.http.sender import Sender, SendResult
from tests.support import backends
from tests.support.backends import Authority, Backend, Wire, backend, free_port
from tests.support.sending import (
    Run,
    a_request,
    one_try,
    parsed,
)
from tests.support.waiting import until


def test_nothing_listens(run: Run) -> None:
    """A refused connection says which port, and belongs to the target."""
    port = free_port()
    tried = run(one_try(f":{port}"))
    assert (tried.outcome, tried.target_down) == (Outcome.REFUSED, True)
    assert tried.error == f"nothing listens on port {port}"
    assert tried.verdict.word == "retry"


def test_a_name_without_an_address(run: Run) -> None:
    """A name that nobody knows is told from a port where nothing listens."""
    tried = run(one_try("http://nothing.invalid:3000"))
    assert (tried.outcome, tried.target_down) == (Outcome.UNRESOLVED, True)
    assert tried.error is not None
    assert tried.error.startswith("could not resolve the name nothing.invalid: ")
    tried = run(one_try(f"http://{'a' * 70}.test:3000"))
    assert tried.outcome is Outcome.UNRESOLVED


async def test_the_resolver_is_not_asked_for_each_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it said holds for a moment, and no longer where nothing takes a connection there."""
    asked: list[str] = []

    async def resolved(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, 0, 0, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    monkeypatch.setattr(addresses, "CACHED_S", 3600.0)
    async with Sender() as sender:

        async def outcomes(port: int, count: int) -> list[Outcome]:
            to = destination(f"http://backend.test:{port}")
            return [(await sender.send(a_request(to), to)).outcome for _ in range(count)]

        with backend(backends.answers()) as there:
            assert await outcomes(there.port, 3) == [Outcome.ANSWERED] * 3
            assert (there.connections, len(asked)) == (3, 1)
        assert await outcomes(free_port(), 2) == [Outcome.REFUSED] * 2
        assert len(asked) == 3
        monkeypatch.setattr(addresses, "CACHED_S", 0.0)
        with backend(backends.answers()) as there:
            assert await outcomes(there.port, 3) == [Outcome.ANSWERED] * 3
            assert len(asked) == 6


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse where Linux lets wait")
def test_a_backend_that_takes_no_connection(run: Run) -> None:
    """A full queue of connections, as behind a breakpoint, is not unreachable."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        tried = run(one_try(f"127.0.0.1:{port}", 0.3))
        for sock in waiting:
            sock.close()
    assert (tried.outcome, tried.target_down) == (Outcome.UNREACHABLE, True)
    assert tried.error == f"could not connect to port {port} within 0.3 s"


def test_a_network_without_a_way(run: Run) -> None:
    """Any other reason for no connection is told in the system's words."""
    tried = run(one_try("http://255.255.255.255:3000", 2.0))
    assert (tried.outcome, tried.target_down) == (Outcome.UNREACHABLE, True)
    assert tried.error is not None
    assert tried.error.startswith("could not connect to port 3000 of 255.255.255.255: ")


# -- TLS -----------------------------------------------------------------------------------------


def test_tls_by_a_ca_file(run: Run, ca: Authority) -> None:
    """A certificate of a named CA for the right host passes, and the connection is kept."""

    async def two() -> list[SendResult]:
        to = destination(f"https://localhost:{there.port}", ca_file=ca.ca_file)
        async with Sender() as sender:
            return [await sender.send(a_request(to, body=b"x" * 300_000), to) for _ in range(2)]

    with backend(backends.answers(backends.KEPT), tls=ca.context("localhost", "127.0.0.1")) as there:
        first, second = run(two())
        assert (first.outcome, first.status, first.reused) == (Outcome.ANSWERED, 200, False)
        assert (second.outcome, second.reused) == (Outcome.ANSWERED, True)
        assert there.connections == 1
        assert parsed(there.requests[1])[2] == b"x" * 300_000
        assert run(one_try(f"https://127.0.0.1:{there.port}", ca_file=ca.ca_file)).status == 200
        assert run(one_try(f"https://localhost:{there.port}", insecure=True)).status == 200


TLS_FAULTS: dict[str, tuple[Callable[[Authority], ssl.SSLContext], str]] = {
    "wrong-name": (
        lambda ca: ca.context("other.test", "10.0.0.1"),
        "the certificate is for other.test, 10.0.0.1, not localhost",
    ),
    "expired": (lambda ca: ca.context("localhost", days=(-9, -2)), "is not trusted: certificate has expired"),
    "not-yet": (lambda ca: ca.context("localhost", days=(2, 9)), "certificate is not yet valid"),
    "self-signed": (lambda ca: ca.context("localhost", self_signed=True), "or use --insecure"),
}


@pytest.mark.parametrize("name", TLS_FAULTS)
def test_tls_faults(run: Run, ca: Authority, name: str) -> None:
    """A certificate that does not pass is named with its fault, before a byte of the request is sent."""
    make, words = TLS_FAULTS[name]
    with backend(backends.answers(), tls=make(ca)) as there:
        tried = run(one_try(f"https://localhost:{there.port}", ca_file=ca.ca_file))
        assert there.requests == []
        assert (tried.outcome, tried.target_down) == (Outcome.TLS_FAILED, True)
        assert tried.error is not None
        assert tried.error.startswith("TLS failed: ")
        assert words in tried.error
        assert run(one_try(f"https://localhost:{there.port}", insecure=True)).status == 200


def test_an_unknown_authority(run: Run, ca: Authority) -> None:
    """Without the CA file its certificates do not pass."""
    with backend(backends.answers(), tls=ca.context("localhost")) as there:
        tried = run(one_try(f"https://localhost:{there.port}"))
        assert tried.outcome is Outcome.TLS_FAILED
        assert "name the CA that signed it" in str(tried.error)


def test_a_ca_file_that_is_none(run: Run, tmp_path: Path) -> None:
    """A CA file that is missing or holds no certificate is the fault that is named."""
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("missing.pem", "empty.pem"):
        with backend(backends.answers()) as there:
            tried = run(one_try(f"https://localhost:{there.port}", ca_file=tmp_path / name))
        assert (tried.outcome, tried.target_down) == (Outcome.TLS_FAILED, True)
        assert name in str(tried.error)


def test_tls_and_plain_text_mixed_up(run: Run, ca: Authority) -> None:
    """https:// to a plain port and http:// to a TLS port say what to write instead."""
    plain_answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

    def plain(there: Backend, wire: Wire) -> None:
        wire.some()
        wire.send(plain_answer)

    with backend(plain) as there:
        tried = run(one_try(f"https://localhost:{there.port}", insecure=True))
        assert (tried.outcome, tried.target_down) == (Outcome.TLS_FAILED, True)
        assert "does not speak TLS; use http://" in str(tried.error)
    with backend(backends.closes_unheard) as there:
        tried = run(one_try(f"https://localhost:{there.port}", insecure=True))
        assert tried.outcome is Outcome.TLS_FAILED
        assert "does it speak TLS?" in str(tried.error)
    with backend(backends.answers(), tls=ca.context("localhost")) as there:
        tried = run(one_try(there.url))
        assert tried.outcome in (Outcome.NOT_HTTP, Outcome.CLOSED, Outcome.RESET)


def test_a_client_certificate_that_is_asked_for(run: Run, ca: Authority) -> None:
    """A backend that wants a client certificate refuses after the handshake: that is about who we are.

    It is down for us then, and no verdict on the webhook.
    """
    context = ca.context("localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    with backend(backends.answers(), tls=context) as there:
        tried = run(one_try(f"https://localhost:{there.port}", ca_file=ca.ca_file))
    assert (tried.status, tried.target_down) == (None, True)
    # The backend closes without reading the request, and then its reset may overtake TLS's alert.
    assert tried.outcome in (Outcome.TLS_FAILED, Outcome.RESET, Outcome.CLOSED)
    assert tried.error in (
        "TLS failed: it requires a client certificate, and none is set (target_cert)",
        f"port {there.port} accepts connections and closes them at once",
    )


def test_a_handshake_that_never_ends(run: Run) -> None:
    """A port that takes the connection and says nothing to TLS fails in time."""
    with backend(lambda there, wire: wire.hang()) as there:
        tried = run(one_try(f"https://localhost:{there.port}", 0.3, insecure=True))
        assert (tried.outcome, tried.target_down) == (Outcome.TLS_FAILED, True)
        assert tried.error == f"TLS failed: port {there.port} did not finish the handshake within 0.3 s"


def test_reachable(run: Run, ca: Authority) -> None:
    """A probe connects, with TLS where the URL says so, sends nothing, and says why not."""
    with backend(backends.answers()) as there:
        assert run(unreachable_reason(destination(there.url))) is None
        assert there.requests == []
    with backend(backends.answers(), tls=ca.context("localhost")) as there:
        url = f"https://localhost:{there.port}"
        assert run(unreachable_reason(destination(url, ca_file=ca.ca_file))) is None
        assert "TLS failed" in str(run(unreachable_reason(destination(url))))
    assert "nothing listens" in str(run(unreachable_reason(destination(f":{free_port()}"))))


def test_a_port_proxy_without_a_server_behind_it(run: Run) -> None:
    """It takes each connection and drops it, request unread: the target is down, and no try was made."""

    def drops(there: Backend, wire: Wire) -> None:
        wire.reset()

    def drops_with_a_request(there: Backend, wire: Wire) -> None:
        wire.sock.recv(1, socket.MSG_PEEK)  # Closing with unread bytes sends RST, as such a proxy does.

    def drops_on_connect(there: Backend, wire: Wire) -> None:
        if there.connections > 1:
            wire.reset()
        else:
            drops_with_a_request(there, wire)

    for behave in (drops, drops_on_connect):
        with backend(behave) as there:
            tried = run(one_try(there.url))
        assert tried.target_down, tried.error
        assert tried.outcome in (Outcome.RESET, Outcome.CLOSED)


def test_a_server_that_ends_with_the_connection_unaccepted(run: Run) -> None:
    """What waits to be accepted is reset when a server ends: it is down, and no try was made."""

    async def restarts() -> SendResult:
        listener = socket.create_server(("127.0.0.1", 0))
        to = destination(f"http://127.0.0.1:{listener.getsockname()[1]}")
        async with Sender() as sender, asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(sender.send(a_request(to), to))
            await until(lambda: sender._open, "the connection")
            listener.close()
        return sending.result()

    tried = run(restarts())
    assert tried.target_down, tried.error
    assert "nothing listens" in str(tried.error) or "before anything was sent" in str(tried.error)


def test_a_backend_that_ends_one_connection_alone(run: Run) -> None:
    """The next it keeps, so it is up: the try counts, and says that the request may have been seen."""
    with backend(backends.closes_unheard) as there:
        tried = run(one_try(there.url))
        assert there.connections == 2, "a bare connect asked whether it closes each"
    assert (tried.target_down, tried.verdict.word) == (False, "retry")
    assert "may have seen the request" in str(tried.error)


def test_a_port_that_closes_at_once_is_not_up(run: Run) -> None:
    """A probe is not taken in by a proxy that takes each connection and drops it."""
    for drop in (lambda there, wire: None, lambda there, wire: wire.reset()):
        with backend(drop) as there:
            words = run(unreachable_reason(destination(there.url)))
        assert words in (
            f"port {there.port} accepts connections and closes them at once",
            f"port {there.port} reset the connection before anything was sent",
        )
    with backend(lambda there, wire: wire.send(b"220 hello\r\n")) as there:
        assert run(unreachable_reason(destination(there.url))) is None
