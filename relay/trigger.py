"""Lean's part, played: samples posted to a URL as Lean posts events.

Owns the request that Lean would send and what Lean would conclude from the answer. Must not record
anything, read settings or print.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from time import monotonic
from typing import Any

import aiohttp
from yarl import URL

from relay.errors import Unreachable
from relay.lean import signature
from relay.lean.samples import Sample
from relay.lean.schedule import ANSWER_WITHIN_S, Verdict, verdict

RELAY = "lean-relay"
"""What the `Server` header of a relay's own answers says."""

SAMPLE_HEADER = "X-Lean-Relay-Sample"
"""Marks a request as made by us; the relay shows such a capture as a sample."""

IN_FLIGHT = 100
"""Most posts at once; past it a rate is not kept."""

MOST_ANSWER_BYTES = 1024 * 1024
"""Of an answer's body no more is read; Lean does nothing with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One sample sent, and what came of it."""

    sample: Sample
    url: str
    signed: bool
    elapsed_s: float
    """From before connecting to the last byte of the answer, or to the failure."""
    status: int | None
    """None where no whole answer came within Lean's 10 s."""
    error: str | None
    """Why no answer came, as a phrase; None where one did."""
    reached: bool
    """Whether there was a connection at all."""
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """One line of `trigger --json`."""
        following = self.verdict.next_try_in
        return {
            "kind": "post",
            "type": self.sample.type,
            "event_id": self.sample.event_id,
            "note": self.sample.note,
            "url": self.url,
            "size_bytes": len(self.sample.body),
            "signed": self.signed,
            "status": self.status,
            "elapsed_ms": round(self.elapsed_s * 1_000, 3),
            "error": self.error,
            "verdict": self.verdict.word,
            "reason": self.verdict.reason,
            "next_try_in_s": following.total_seconds() if following is not None else None,
        }


async def post_all(
    url: str,
    samples: Iterator[Sample],
    report: Callable[[Post], None],
    *,
    secret: bytes | None = None,
    rate: float | None = None,
    answer_within_s: float = ANSWER_WITHIN_S,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Post each sample once, as Lean's first try, and report each as its answer comes.

    One after the other; with a rate each starts at its time, whether or not those before have been
    answered, up to `IN_FLIGHT` at once. Stops where nothing can be reached.

    Args:
        url: a whole URL, sent byte for byte.
        samples: made when their turn comes, so that their timestamps are true.
        secret: signs each body; None sends them unsigned.
        rate: posts per second; None for as fast as they are answered.
        answer_within_s: what Lean waits; a test waits less.
        tls: whom to trust and what to show over HTTPS; None for the system's authorities and nothing.

    Raises:
        Unreachable: there was no connection; the message says why.
    """
    failures: list[Post] = []

    def done(post: Post) -> None:
        if post.reached:
            report(post)
        else:
            failures.append(post)

    async with _session(answer_within_s, tls) as session:
        if rate is None:
            for sample in samples:
                done(await _post(session, url, sample, secret))
                if failures:
                    break
        else:
            try:
                await _paced(session, url, samples, secret, rate, done, failures)
            except ExceptionGroup as group:
                # A pipe that closed, or a change that does not fit: the caller's, as without a rate.
                raise group.exceptions[0] from None
    if failures:
        raise Unreachable(f"{failures[0].error}")


async def _paced(
    session: aiohttp.ClientSession,
    url: str,
    samples: Iterator[Sample],
    secret: bytes | None,
    rate: float,
    done: Callable[[Post], None],
    failures: list[Post],
) -> None:
    room = asyncio.Semaphore(IN_FLIGHT)

    async def one(sample: Sample) -> None:
        try:
            done(await _post(session, url, sample, secret))
        finally:
            room.release()

    started = monotonic()
    async with asyncio.TaskGroup() as posts:
        number = 0
        while True:
            # A sleep of 0 too: it lets answers in, and with them the news that nobody is there.
            await asyncio.sleep(max(0.0, started + number / rate - monotonic()))
            await room.acquire()
            sample = next(samples, None) if not failures else None
            if sample is None:
                break
            posts.create_task(one(sample), name=f"post {number + 1}")
            number += 1


def _session(answer_within_s: float, tls: ssl.SSLContext | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # A connection that idles longer may just be closing, and a post on it would fail for no reason.
        connector=aiohttp.TCPConnector(
            limit=IN_FLIGHT, keepalive_timeout=1, ssl=True if tls is None else tls
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=answer_within_s),
        trust_env=False,
        auto_decompress=False,
        headers={"User-Agent": f"lean-relay/{version('lean-relay')}"},
    )


async def _post(session: aiohttp.ClientSession, url: str, sample: Sample, secret: bytes | None) -> Post:
    headers = {"Content-Type": "application/json", SAMPLE_HEADER: "1"}
    if secret is not None:
        headers[signature.HEADER] = signature.sign(sample.body, secret)
    status, error, reached = None, None, True
    begins, ours = b"", False
    started = monotonic()
    try:
        async with session.post(
            URL(url, encoded=True), data=sample.body, headers=headers, allow_redirects=False
        ) as response:
            read, begins = 0, b""
            async for chunk in response.content.iter_any():
                begins = begins or chunk[:100]
                read += len(chunk)
                if read > MOST_ANSWER_BYTES:
                    response.close()
                    break
            status = response.status
            ours = response.headers.get("Server") == RELAY
    except TimeoutError:
        error = "no whole answer came in time"
    except aiohttp.ClientConnectorError as failure:
        error, reached = _why_not_reached(failure), False
    except (aiohttp.ClientError, OSError) as failure:
        error = _why_not_answered(failure)
    elapsed_s = monotonic() - started
    judged = verdict(status, elapsed_s)
    if ours and judged.word != "delivered" and elapsed_s <= ANSWER_WITHIN_S:
        judged = replace(judged, reason=_why_ours(status, begins))
    return Post(
        sample=sample,
        url=url,
        signed=secret is not None,
        elapsed_s=elapsed_s,
        status=status,
        error=error,
        reached=reached,
        verdict=judged,
    )


def _why_ours(status: int | None, text: bytes) -> str:
    """Why a relay answered so: no backend has seen it."""
    if text.startswith(b"answered "):
        return f"{status} is the relay's own answer, given on purpose: --respond or respond_rules"
    word = text.decode("ascii", "replace").strip()
    return f"{status} is the relay's own answer: {word}; see lean-relay refusals"


def _why_not_reached(failure: aiohttp.ClientConnectorError) -> str:
    place = f"port {failure.port} of {failure.host}"
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return f"the name {failure.host} cannot be resolved"
    if isinstance(failure, aiohttp.ClientConnectorCertificateError):
        return f"the certificate at {place} is not trusted: {failure.certificate_error}"
    if isinstance(failure, aiohttp.ClientSSLError):
        return f"TLS with {place} fails: {failure.os_error}"
    if isinstance(failure.os_error, ConnectionRefusedError):
        return f"nothing listens on {place}"
    return f"{place} cannot be reached: {failure.os_error.strerror or failure.os_error}"


def _why_not_answered(failure: Exception) -> str:
    if isinstance(failure, aiohttp.ServerDisconnectedError):
        return "the connection was closed without an answer"
    if isinstance(failure, aiohttp.ClientPayloadError):
        return "the answer ended before it was whole"
    if isinstance(failure, aiohttp.ClientResponseError):
        return f"the answer is no HTTP: {failure.message}"
    if isinstance(failure, ConnectionError):
        return "the connection was reset without an answer"
    return f"no answer: {failure}"
