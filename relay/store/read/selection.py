"""Reads the captures of a SELECTION, oldest first, in pages small enough for memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

from relay.errors import NotFound
from relay.filters import Filter
from relay.models import Capture
from relay.store.read.reader import Reader
from relay.store.read.search import GAP_S, Gaps, search
from relay.store.read.selection_words import Ids, OfEvent, Range, Selection, parse_selection

PAGE = 100
"""Captures in memory at once, if their bodies are small."""

BYTES_AT_ONCE = 8 * 1024 * 1024
"""Bytes of bodies in memory at once; a larger body has its own page."""


def select_ids(reader: Reader, words: Sequence[str], now: datetime) -> Iterator[int]:
    """Ids of a selection, oldest first, each once, and at least one.

    Raises:
        UsageError: the words are not a valid filter, or are nearly ids.
        NotFound: nothing is selected; names the selection.
    """
    ids = ids_of(reader, parse_selection(words, now))
    for first in ids:
        return chain((first,), ids)
    raise NotFound(nothing_matches(words))


def select(reader: Reader, words: Sequence[str], now: datetime) -> Iterator[Capture]:
    """The captures of a selection, oldest first, fetched in pages.

    Raises:
        UsageError, NotFound: as `select_ids`.
    """
    return fetched(reader, select_ids(reader, words, now))


def nothing_matches(words: Sequence[str]) -> str:
    """Why a selection has no captures."""
    return f"no capture matches {' '.join(words)}" if words else "the database holds no captures yet"


def fetched(reader: Reader, ids: Iterable[int]) -> Iterator[Capture]:
    """The captures of ids, in pages small enough for memory; those removed meanwhile are left out."""
    for page in pages(reader, ids):
        yield from page


def pages(reader: Reader, ids: Iterable[int]) -> Iterator[list[Capture]]:
    """As `fetched`, page by page; a page may be empty."""
    gaps = Gaps()
    left = iter(ids)
    while page := list(islice(left, PAGE)):
        for part in _parts(page, reader.sizes(page)):
            yield reader.captures(part)
            gaps.leave()


def _parts(page: list[int], sizes: dict[int, int]) -> Iterator[list[int]]:
    """Split a page so that its bodies are at most BYTES_AT_ONCE, except a single larger one."""
    part: list[int] = []
    held = 0
    for number in page:
        if part and held + sizes.get(number, 0) > BYTES_AT_ONCE:
            yield part
            part, held = [], 0
        part.append(number)
        held += sizes.get(number, 0)
    yield part


def ids_of(reader: Reader, selection: Selection) -> Iterator[int]:
    """Ids of a parsed selection, maybe none.

    Raises:
        NotFound: ids or an event do not exist; names them.
    """
    match selection:
        case Ids():
            return _numbered(reader, selection)
        case OfEvent(event_id):
            found = reader.by_event(event_id) or reader.by_event(event_id.lower())
            if not found:
                raise NotFound(f"no capture has the event_id {event_id}; `id:{event_id}` looks inside bodies")
            return iter(found)
        case Filter():
            windows = search(reader, selection, newest_first=False, gap_s=GAP_S)
            return (number for ids in windows for number in ids)


def _numbered(reader: Reader, selection: Ids) -> Iterator[int]:
    ranges = list(selection.ranges)
    newest = reader.newest_id()
    if selection.latest:
        if not newest:
            raise NotFound("the database is empty, so `latest` selects nothing")
        ranges.append(Range(newest, newest, "latest"))
    singles = [found.first for found in ranges if found.is_one and found.first is not None]
    there = set(reader.existing(singles))
    missing = [number for number in singles if number not in there]
    for span in ranges:
        if not span.is_one and not reader.page((span.first or 1) - 1, 1, span.last):
            raise NotFound(f"no capture has an id in {span.word}; {_extent(reader, newest)}")
    if missing:
        named = ", ".join(map(str, missing[:10])) + (" and more" if len(missing) > 10 else "")
        raise NotFound(f"no capture {named}; {_extent(reader, newest)}")
    return _ascending(reader, sorted(((span.first or 1), span.last or newest) for span in ranges))


def _ascending(reader: Reader, spans: list[tuple[int, int]]) -> Iterator[int]:
    gaps = Gaps()
    at = 0
    for first, last in spans:
        at = max(at, first - 1)
        while at < last and (page := reader.page(at, 10 * PAGE, last)):
            yield from page
            at = page[-1]
            gaps.leave()


def _extent(reader: Reader, newest: int) -> str:
    return f"the database has ids {reader.oldest_id()} to {newest}" if newest else "the database is empty"
