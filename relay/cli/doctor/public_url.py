"""`doctor --public`: a sample sent through `public_url`, and found again in the log or not."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from relay.cli.doctor.checks import Finding, fault, ok
from relay.config import Settings, read_secrets
from relay.control import lock
from relay.delivery import samples
from relay.delivery.http.request import Destination, destination
from relay.errors import RelayError, Unreachable, UsageError
from relay.lean.samples import Sample, Sampler
from relay.models import Capture
from relay.store.read.reader import Reader
from relay.tls.client import development_authority

CHECK = "way in"
SAMPLE_TYPE = "results.ready"
"""The event with the least in it: one made-up id."""

STORED_WITHIN_S = 5.0
LOOK_EVERY_S = 0.05


async def way_in(settings: Settings) -> Finding:
    """Whether a webhook that is posted to `public_url` ends in this log as it was sent."""
    url = settings.public_url
    if url is None:
        return fault(CHECK, "there is no public_url to post to", "start a tunnel and set public_url")
    if lock.holder(settings.db) is None:
        return fault(CHECK, "no engine runs on this log", "start `lean-relay listen`, and leave it running")
    sample = Sampler(random.SystemRandom(), lambda: datetime.now(UTC)).sample(SAMPLE_TYPE)
    posts: list[samples.Post] = []
    started = monotonic()
    try:
        await samples.post_all(_where(url), iter([sample]), posts.append, secret=_secret(settings))
    except Unreachable as error:
        return fault(
            CHECK, f"{url} cannot be reached: {error}", "see that the tunnel runs and the URL is its own"
        )
    (post,) = posts
    if post.status != 200:
        answer = f"answered {post.status}" if post.status is not None else f"gave no answer: {post.error}"
        return fault(CHECK, f"{url} {answer}", "see where the tunnel leads: it has to be the engine's port")
    capture = await _capture(settings, sample)
    if capture is None:
        return fault(
            CHECK,
            f"{url} answered 200, but the sample is not in {settings.db}",
            "it leads to another program",
        )
    if capture.body != sample.body:
        return fault(
            CHECK,
            f"capture {capture.id} came with other bytes than were sent, so no signature can be valid",
            "have what stands in between pass bodies on unchanged",
        )
    took = monotonic() - started
    return ok(CHECK, f"a sample went through {url} and is capture {capture.id}, in {took:.1f} s")


def _where(url: str) -> Destination:
    """Trusts the development authority too: the public URL may be this machine's own."""
    where = destination(url)
    return replace(where, also_trust=development_authority()) if where.secure else where


def _secret(settings: Settings) -> bytes | None:
    try:
        return next(iter(read_secrets(settings).values()), None)
    except UsageError:
        return None  # that it cannot be read is another check's finding


async def _capture(settings: Settings, sample: Sample) -> Capture | None:
    """The capture of the sample, as soon as there is one."""
    deadline = monotonic() + STORED_WITHIN_S
    while True:
        try:
            with Reader(settings.db) as reader:
                for number in reader.by_event(sample.event_id):
                    return reader.capture(number)
        except RelayError:
            return None
        if monotonic() > deadline:
            return None
        await asyncio.sleep(LOOK_EVERY_S)
