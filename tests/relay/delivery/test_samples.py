"""Posting as Lean does, against real servers on loopback."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from relay.delivery.http.request import destination
from relay.delivery.samples import Post, post_all
from relay.errors import Unreachable
from relay.lean.samples import Sample, Sampler
from relay.lean.signature import Verifier
from relay.models import Signature
from relay.receiver.limits import ReceiverLimits
from tests.support.backends import OK, Backend, Wire, backend
from tests.support.receiving import a_receiver

SECRET = b"whk-test-4f7b2d90c1"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def some_samples(count: int, type_: str = "payment.updated") -> Iterator[Sample]:
    sampler = Sampler(random.Random(1), lambda: datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC))
    return (sampler.sample(type_) for _ in range(count))


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A backend on a free port of loopback; gives its URL."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"{'https' if tls else 'http'}://{host}:{port}/hook"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that writes these bytes, whatever they are, when it has heard something, then closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server:
        yield f"http://{host}:{port}/"


async def posts_of(
    url: str,
    count: int = 1,
    *,
    secret: bytes | None = None,
    rate: float | None = None,
    within_s: float = 10.0,
) -> list[Post]:
    found: list[Post] = []
    await post_all(
        destination(url),
        some_samples(count),
        found.append,
        secret=secret,
        rate=rate,
        answer_within_s=within_s,
    )
    return found


async def test_it_posts_as_lean_does() -> None:
    """A POST of the exact bytes with JSON's content type, a right signature and the mark of a sample."""
    seen: list[tuple[web.Request, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((request, await request.read()))
        return web.Response()

    async with serving(take) as url:
        [post] = await posts_of(f"{url}/a%2Fb//?q=%zz", secret=SECRET)
    request, body = seen[0]
    assert (request.method, request.raw_path) == ("POST", "/hook/a%2Fb//?q=%zz")
    assert body == post.sample.body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-lean-relay-sample"] == "1"
    assert request.headers["user-agent"].startswith("lean-relay/")
    values = [value for name, value in request.raw_headers if name.lower() == b"lean-signature"]
    assert Verifier({"a": SECRET}).check(values, body) == (Signature.VALID, "a")
    assert (post.status, post.signed, post.error, post.verdict.word) == (200, True, None, "delivered")
    assert 0 < post.elapsed_s < 10


async def test_without_a_secret_it_sends_no_signature() -> None:
    """Unsigned means no header at all, not a wrong one."""
    seen: list[list[str]] = []

    async def take(request: web.Request) -> web.Response:
        seen.append([name.lower() for name in request.headers])
        return web.Response()

    async with serving(take) as url:
        [post] = await posts_of(url)
    assert "lean-signature" not in seen[0]
    assert post.signed is False


@pytest.mark.parametrize("status", [201, 204, 302, 404, 500, 503])
async def test_other_answers_are_verdicts(status: int) -> None:
    """Any status but 200 is an answer that Lean would not take; a redirect is not followed."""
    hits = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal hits
        hits += 1
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with serving(take) as url:
        [post] = await posts_of(url)
    assert hits == 1
    assert (post.status, post.verdict.word) == (status, "retry")
    assert post.verdict.next_attempt_in == timedelta(minutes=1)
    line = post.as_json()
    assert (line["kind"], line["status"], line["verdict"]) == ("post", status, "retry")
    assert line["next_try_in_s"] == 60


async def test_a_relay_that_answers_so_on_purpose_is_no_backend_that_failed(tmp_path: Path) -> None:
    """What the relay itself answered is told as its own word, for no backend has seen it."""
    async with a_receiver(tmp_path, respond=500) as running:
        (post,) = await posts_of(f"http://127.0.0.1:{running.port}/")
        assert (post.status, post.verdict.word) == (500, "retry")
        reason = post.verdict.reason
        assert reason == "500 is the relay's own response, as set by --respond or respond_rules"
        running.receiver.connections.limits = ReceiverLimits(max_body=10)
        (post,) = await posts_of(f"http://127.0.0.1:{running.port}/")
        assert post.verdict.reason == "413 is the relay's own response: too-large; see lean-relay refusals"


async def test_a_backend_that_hangs() -> None:
    """No answer in time has no status, and waits no longer than Lean does."""
    hold = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        await hold.wait()
        return web.Response()

    async with serving(take) as url:
        [post] = await posts_of(url, within_s=0.2)
        hold.set()
    assert (post.status, post.verdict.word) == (None, "retry")
    assert post.error == "timed out after 0.2 s; no response was received"
    assert post.reached
    assert post.elapsed_s < 5


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (b"", None, "closed the connection without a response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 200, "after 42 bytes of the response"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", None, "does not speak HTTP"),
        (b"HTTP/1.1 500 Oops\r\nX : 1\r\n\r\n", 500, "has a blank before the colon"),
    ],
)
async def test_broken_answers(answer: bytes, status: int | None, words: str) -> None:
    """A connection that ends early or speaks another protocol is named as it is of a live delivery."""
    async with answering(answer) as url:
        [post] = await posts_of(url)
    assert post.status == status
    assert words in (post.error or "")
    assert post.verdict.word == "retry"


async def test_a_backend_that_closes_each_connection_soon() -> None:
    """Each post has a connection of its own, so that none is lost to one that was just being closed."""

    def closes_soon(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(OK)
        wire.over.wait(0.002)

    with backend(closes_soon) as there:
        posts = await posts_of(f"{there.url}/", 20)
    assert {(post.status, post.error) for post in posts} == {(200, None)}


async def test_nothing_listens() -> None:
    """A port that nobody holds is unreachable, by name, after one try of many."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: nobody else can take it meanwhile
        port = taken.getsockname()[1]
        for rate in (None, 1000.0):
            with pytest.raises(Unreachable, match=f"nothing listens on port {port}"):
                await posts_of(f"http://127.0.0.1:{port}/", 50, rate=rate)


async def test_a_name_that_does_not_resolve() -> None:
    """A host that has no address is unreachable too."""
    with pytest.raises(Unreachable, match=r"could not resolve the name no-such-host\.invalid"):
        await posts_of("http://no-such-host.invalid/")


async def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    """Over TLS the certificate is checked, as Lean would, and the refusal says so."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed(tmp_path))

    async def take(request: web.Request) -> web.Response:
        return web.Response()

    async with serving(take, tls) as url:
        with pytest.raises(Unreachable, match=r"TLS failed: the certificate of port \d+ is not trusted"):
            await posts_of(url)


async def test_plain_http_where_tls_is_spoken() -> None:
    """A server that does not speak TLS under an https URL is named as that."""
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        with pytest.raises(Unreachable, match="does not speak TLS"):
            await posts_of(url.replace("http:", "https:"), within_s=2.0)


async def test_many_in_order() -> None:
    """Without a rate each is posted after the one before was answered, each with its own event."""
    under_way = most = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await request.read()
        under_way -= 1
        return web.Response()

    async with serving(take) as url:
        posts = await posts_of(url, 20)
    assert most == 1
    assert len({post.sample.event_id for post in posts}) == 20


async def test_a_rate_is_kept_while_answers_are_due() -> None:
    """With a rate later posts start although the first ones hang, at their times and not before."""
    arrivals: list[float] = []
    all_there = asyncio.Event()

    async def take(request: web.Request) -> web.Response:
        arrivals.append(monotonic())
        if len(arrivals) == 5:
            all_there.set()
        await all_there.wait()
        return web.Response()

    async with serving(take) as url:
        begun = monotonic()
        posts = await posts_of(url, 5, rate=20)
    assert [post.status for post in posts] == [200] * 5
    assert arrivals[-1] - begun >= 4 / 20


async def test_a_fault_of_the_caller_comes_out_as_it_is() -> None:
    """What breaks in the report or in the making of a sample is not wrapped, with a rate or without."""

    async def take(request: web.Request) -> web.Response:
        return web.Response()

    def gone(post: Post) -> None:
        raise BrokenPipeError

    def wrong() -> Iterator[Sample]:
        sampler = Sampler(random.Random(1), lambda: datetime.now(UTC))
        yield sampler.sample("payment.updated", ["payload.nothing=1"])

    async with serving(take) as url:
        for rate in (None, 100.0):
            with pytest.raises(BrokenPipeError):
                await post_all(destination(url), some_samples(3), gone, rate=rate)
            with pytest.raises(ValueError, match="this event has no "):
                await post_all(destination(url), wrong(), gone, rate=rate)


def self_signed(folder: Path) -> Path:
    """A certificate for loopback that nobody trusts, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "loopback.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path
