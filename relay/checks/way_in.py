"""The check of the way in: sends a sample through the public URL and looks for it in the database."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from relay.checks.engine import responding
from relay.checks.findings import Finding, fault, ok
from relay.checks.running import receiver
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
"""The smallest event: its payload is one made-up id."""

STORED_WITHIN_S = 5.0
LOOK_EVERY_S = 0.05


async def way_in(settings: Settings) -> Finding:
    """Whether a webhook that is sent to the public URL arrives in this database unchanged."""
    status, _ = await responding(settings)
    engine = receiver(status)
    tunnel = None if engine is None else engine.tunnel
    of_engine = None if engine is None else engine.engine.public_url
    url = of_engine if tunnel is not None else of_engine or settings.public_url
    if url is None and tunnel is not None:
        return fault(CHECK, f"the tunnel {tunnel.name} is {tunnel.state}", "wait until it is up")
    if url is None:
        return fault(CHECK, "no public_url is set", "start a tunnel and set public_url")
    if lock.holder(settings.db) is None:
        return fault(
            CHECK, "no engine is running on this database", "start `lean-relay listen` and leave it running"
        )
    sample = Sampler(random.SystemRandom(), lambda: datetime.now(UTC)).sample(SAMPLE_TYPE)
    posts: list[samples.Post] = []
    started = monotonic()
    try:
        await samples.post_all(_where(url), iter([sample]), posts.append, secret=_secret(settings))
    except Unreachable as error:
        return fault(
            CHECK,
            f"{url} cannot be reached: {error}",
            "check that the tunnel is running and that this is its URL",
        )
    (post,) = posts
    if settings.share:
        return _to_a_node(url, post)
    if post.status != 200:
        response = f"responded {post.status}" if post.status is not None else f"did not respond: {post.error}"
        return fault(CHECK, f"{url} {response}", "point the tunnel at the engine's port")
    capture = await _capture(settings, sample)
    if capture is None:
        return fault(
            CHECK,
            f"{url} responded 200, but the sample is not in {settings.db}",
            "point the tunnel at the engine's port; another program responded",
        )
    if capture.body != sample.body:
        return fault(
            CHECK,
            f"capture {capture.id} arrived with different bytes than were sent, so no signature can be valid",
            "make the tunnel or proxy pass bodies on unchanged",
        )
    took = monotonic() - started
    return ok(CHECK, f"a sample went through {url} and is capture {capture.id}, in {took:.1f} s")


def _to_a_node(url: str, post: samples.Post) -> Finding:
    """A node stores nothing here, and refuses samples unless share_samples is set."""
    if post.status == 200:
        return ok(CHECK, f"a sample went through {url} and is shared with the team")
    if post.status == 403:
        return ok(
            CHECK, f"a sample went through {url}; the node refused it, as it takes none (share_samples)"
        )
    response = f"responded {post.status}" if post.status is not None else f"did not respond: {post.error}"
    return fault(
        CHECK, f"{url} {response}", "see `lean-relay team status`, and point the URL at this node's port"
    )


def _where(url: str) -> Destination:
    """Trust the development authority too, as the public URL may be this machine's own."""
    where = destination(url)
    return replace(where, also_trust=development_authority()) if where.secure else where


def _secret(settings: Settings) -> bytes | None:
    try:
        return next(iter(read_secrets(settings).values()), None)
    except UsageError:
        return None  # another check reports that it cannot be read


async def _capture(settings: Settings, sample: Sample) -> Capture | None:
    """Wait for the capture of the sample; None after `STORED_WITHIN_S`."""
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
