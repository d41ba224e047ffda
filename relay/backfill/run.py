"""Reads a window of Lean's events page by page, and hands the events of each page on.

Owns the order of requests, and when a window is complete: all of its pages came, none twice, and as many
events as Lean counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from relay.backfill.client import EventsApi, SizeRefused
from relay.errors import RelayError
from relay.lean import events_api
from relay.lean.envelope import read_event
from relay.lean.events_api import Page, Window

PAUSE_S = 0.2
"""Between two pages."""

BATCH_EVENTS = 100
BATCH_BYTES = 256 * 1024
"""No batch of several events has more of either: an engine that receives webhooks reads it in some ms."""

UNNAMED = "(no type)"


@dataclass(slots=True)
class Progress:
    """The result for the window so far."""

    total: int = 0
    """Events that Lean counts."""
    seen: int = 0
    known: int = 0
    """Events that were here already."""
    taken: int = 0
    pages: int = 0
    all_pages: int = 0
    types: dict[str, int] = field(default_factory=dict)
    """Type -> how many were taken."""


Store = Callable[[Sequence[bytes]], Awaitable[Sequence[bool]]]
"""Takes events, and returns of each whether it is new."""


async def backfill(
    api: EventsApi,
    window: Window,
    event_type: str | None,
    store: Store,
    progress: Progress,
    report: Callable[[], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Read the whole window.

    Args:
        event_type: of the events to ask for; None for all.
        progress: is kept up to date, also where this is interrupted.
        report: called after each batch.

    Raises:
        RelayError: the window is not complete; the events stored so far stay.
    """
    seen: set[bytes] = set()
    number = 0
    page, size = await _first(api, window, event_type)
    progress.total, progress.all_pages = page.total, page.pages
    while True:
        if page.total != progress.total:
            raise _incomplete(number, f"Lean counted {progress.total} events before, and {page.total} now")
        keys = {_key(event) for event in page.events}
        if keys and keys <= seen:
            raise _incomplete(number, "it repeats events of pages before it")
        seen |= keys
        for batch in _batches(page.events):
            is_new = await store(batch)
            progress.seen += len(batch)
            _count(progress, batch, is_new)
            report()
        number += 1
        progress.pages = number
        if number >= page.pages:
            break
        await sleep(PAUSE_S)
        page = await api.page(number, size, window, event_type)
    if len(seen) != progress.total:
        raise _incomplete(number - 1, f"Lean counts {progress.total} events, and its pages have {len(seen)}")


async def _first(api: EventsApi, window: Window, event_type: str | None) -> tuple[Page, int]:
    """The first page, and the size that Lean takes."""
    *larger, smallest = events_api.SIZES
    for size in larger:
        try:
            return await api.page(0, size, window, event_type), size
        except SizeRefused:
            pass
    return await api.page(0, smallest, window, event_type), smallest


def _count(progress: Progress, batch: Sequence[bytes], is_new: Sequence[bool]) -> None:
    for body, new in zip(batch, is_new, strict=True):
        if not new:
            progress.known += 1
            continue
        progress.taken += 1
        event = read_event(body)
        name = (event.type if event else None) or UNNAMED
        progress.types[name] = progress.types.get(name, 0) + 1


def _key(event: bytes) -> bytes:
    found = read_event(event)
    if found is not None and found.event_id is not None:
        return found.event_id.encode()
    return sha256(event).digest()


def _batches(events: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for event in events:
        if batch and (len(batch) == BATCH_EVENTS or size + len(event) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event)
    if batch:
        yield batch


def _incomplete(number: int, why: str) -> RelayError:
    return RelayError(
        f"page {number}: {why}; its events are stored, but the window is not complete; run it again",
        word="lean-page",
    )
