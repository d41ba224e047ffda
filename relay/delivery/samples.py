"""Post sample events to a URL as Lean would.

Owns the request that Lean would send, and its verdict on the response. Records nothing, reads no settings and
prints nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

from relay.control.exchange import own_version
from relay.delivery.http.request import CLOSE, Destination, OutgoingRequest
from relay.delivery.http.sender import Sender
from relay.errors import Unreachable
from relay.lean import signature
from relay.lean.samples import Sample
from relay.lean.schedule import ANSWER_WITHIN_S, Verdict

RELAY = "lean-relay"
"""The `Server` header of a relay's own responses."""

SAMPLE_HEADER = "X-Lean-Relay-Sample"
"""Marks a request as ours; the relay shows such a capture as a sample."""

IN_FLIGHT = 100
"""Most posts at once; above it a rate is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One sample sent, and its result."""

    sample: Sample
    url: str
    signed: bool
    elapsed_s: float
    """From before connecting to the last byte of the response, or to the failure."""
    status: int | None
    """None where no response head was received within Lean's 10 s."""
    error: str | None
    """Why there is no whole response, as a phrase; None where there is one."""
    reached: bool
    """Whether there was a connection at all."""
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """One line of `trigger --json`."""
        following = self.verdict.next_attempt_in
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
    to: Destination,
    samples: Iterator[Sample],
    report: Callable[[Post], None],
    *,
    secret: bytes | None = None,
    rate: float | None = None,
    answer_within_s: float = ANSWER_WITHIN_S,
) -> None:
    """Post each sample once, as Lean's first attempt, and report each when its response is received.

    Sequentially; with a rate each starts on time even while earlier ones wait for their response, up to
    `IN_FLIGHT` at once. Stops when the target is unreachable.

    Args:
        to: where to; exactly its URL's path and query.
        samples: made just before they are sent, so that their timestamps are correct.
        secret: signs each body; None sends them unsigned.
        rate: posts per second; None for one after each response.
        answer_within_s: Lean's limit; shorter in tests.

    Raises:
        Unreachable: no connection could be made; the message says why.
    """
    failures: list[Post] = []

    def done(post: Post) -> None:
        if post.reached:
            report(post)
        else:
            failures.append(post)

    async with Sender() as sender:
        post = partial(_post, sender, to, secret=secret, within_s=answer_within_s)
        if rate is None:
            for sample in samples:
                done(await post(sample))
                if failures:
                    break
        else:
            try:
                await _paced(post, samples, rate, done, failures)
            except ExceptionGroup as group:
                # A closed pipe or a change that does not fit is the caller's to handle, as without a rate.
                raise group.exceptions[0] from None
    if failures:
        raise Unreachable(f"{failures[0].error}")


async def _paced(
    post: Callable[[Sample], Awaitable[Post]],
    samples: Iterator[Sample],
    rate: float,
    done: Callable[[Post], None],
    failures: list[Post],
) -> None:
    room = asyncio.Semaphore(IN_FLIGHT)

    async def one(sample: Sample) -> None:
        try:
            done(await post(sample))
        finally:
            room.release()

    started = monotonic()
    async with asyncio.TaskGroup() as posts:
        number = 0
        while True:
            # Also a sleep of 0: it lets responses in, and with them the failure of the first.
            await asyncio.sleep(max(0.0, started + number / rate - monotonic()))
            await room.acquire()
            sample = next(samples, None) if not failures else None
            if sample is None:
                break
            posts.create_task(one(sample), name=f"post {number + 1}")
            number += 1


async def _post(
    sender: Sender, to: Destination, sample: Sample, secret: bytes | None, within_s: float
) -> Post:
    result = await sender.send(_request(to, sample, secret), to, timeout_s=within_s)
    verdict = result.verdict
    ours = any((name.lower(), value) == ("server", RELAY) for name, value in result.headers or ())
    if ours and verdict.word == "retry" and result.elapsed_s <= ANSWER_WITHIN_S:
        verdict = replace(verdict, reason=_relay_reason(result.status, (result.body or b"")[:100]))
    return Post(
        sample=sample,
        url=to.url,
        signed=secret is not None,
        elapsed_s=result.elapsed_s,
        status=result.status,
        error=result.error,
        reached=not result.target_down,
        verdict=verdict,
    )


def _relay_reason(status: int | None, text: bytes) -> str:
    """Why the response is a relay's own; no backend has seen the request."""
    if text.startswith(b"answered "):
        return f"{status} is the relay's own response, as set by --respond or respond_rules"
    word = text.decode("ascii", "replace").strip()
    return f"{status} is the relay's own response: {word}; see lean-relay refusals"


def _request(to: Destination, sample: Sample, secret: bytes | None) -> OutgoingRequest:
    headers = [
        ("Host", to.authority),
        ("User-Agent", f"lean-relay/{own_version()}"),
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        (SAMPLE_HEADER, "1"),
    ]
    if secret is not None:
        headers.append((signature.HEADER, signature.sign(sample.body, secret)))
    headers += [("Content-Length", str(len(sample.body))), CLOSE]
    return OutgoingRequest(method="POST", target=to.exact_target, headers=tuple(headers), body=sample.body)
