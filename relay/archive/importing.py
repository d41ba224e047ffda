"""Hands what a file holds to the engine, a batch at a time; or finds out what an import would do.

An import that is interrupted is run again: what was stored is known by its digest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from relay.archive.reading import BadLine, Item
from relay.control.exchange import Requester
from relay.control.messages import ImportRequest, ImportResult
from relay.models.imports import BUNDLE, BundleSecret, ImportedCapture
from relay.store.read.reader import Reader
from relay.store.sources import stored_as

BATCH = 100
BATCH_BYTES = 256 * 1024
"""No batch of several captures has more of either: an engine that receives webhooks reads it in some ms."""

MOST_REMEMBERED = 1_000_000
"""Captures of one file that a dry run compares with each other."""

MOST_NAME = 40


@dataclass(slots=True)
class Tally:
    """The result of importing one file."""

    added: int = 0
    known: int = 0
    """Captures that were there already."""
    bad: int = 0
    """Lines that were passed over."""
    bundle: str | None = None


Store = Callable[[list[ImportedCapture], BundleSecret | None], Awaitable[ImportResult]]


async def import_items(items: Iterable[Item], store: Store, told: Callable[[BadLine | Tally], None]) -> Tally:
    """Store what a file holds.

    Args:
        told: called with each bad line, and with the tally after each batch.

    Raises:
        RelayError: the store cannot write; what was stored before stays.
    """
    tally = Tally()
    batch: list[ImportedCapture] = []
    size = 0
    bundle: BundleSecret | None = None

    async def send() -> None:
        nonlocal size
        if batch:
            result = await store(list(batch), bundle)
            tally.added += result.added
            tally.known += result.known
            batch.clear()
            size = 0
            told(tally)

    for item in items:
        if isinstance(item, BadLine):
            tally.bad += 1
            told(item)
        elif isinstance(item, BundleSecret):
            await send()
            bundle = item
            tally.bundle = item.name
        else:
            more = size_of(item)
            if len(batch) >= BATCH or size + more > BATCH_BYTES:
                await send()
            batch.append(item)
            size += more
    await send()
    return tally


def size_of(capture: ImportedCapture) -> int:
    """About how many bytes it is."""
    attempts = [each for delivery in capture.deliveries for each in delivery.attempts]
    bodies = sum(len(each.body or b"") + len(each.sent_body or b"") for each in attempts)
    return len(capture.body) + len(capture.headers) + len(capture.tls or "") + bodies + 500 * len(attempts)


def through(send: Requester) -> Store:
    """Stores by an engine's action."""

    async def store(captures: list[ImportedCapture], bundle: BundleSecret | None) -> ImportResult:
        return await send(ImportRequest(captures=captures, bundle=bundle))

    return store


def as_if(reader: Reader | None) -> Store:
    """Stores nothing, and says what would be new.

    Args:
        reader: of the database; None where there is none yet.
    """
    seen: set[int] = set()

    async def store(captures: list[ImportedCapture], bundle: BundleSecret | None) -> ImportResult:
        added = 0
        for each in captures:
            digest = int(each.digest[:16], 16)
            if digest in seen or (reader is not None and stored_as(reader.rows, each) is not None):
                continue
            added += 1
            if len(seen) < MOST_REMEMBERED:
                seen.add(digest)
        return ImportResult(added=added, known=len(captures) - added)

    return store


def bundle_name(file: str, secret: str, known: Mapping[str, bytes]) -> str:
    """The name of a bundle: as it has here already, else after its file.

    Args:
        file: the name of the file.
        known: the bundles' secrets in the database, by name.
    """
    for name, value in known.items():
        if value == secret.encode():
            return name
    stem = PurePath(file).name.partition(".")[0]
    stem = "".join(letter for letter in stem if letter.isascii() and (letter.isalnum() or letter in "-_"))
    base = f"{BUNDLE}{stem[:MOST_NAME] or 'file'}"
    number, name = 1, base
    while name in known:
        number += 1
        name = f"{base}-{number}"
    return name
