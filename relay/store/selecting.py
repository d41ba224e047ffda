"""SELECTION: the words by which every command is told which captures are meant.

Owns how ids, one Lean event_id and filters are told apart, and the order of what is selected:
oldest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from relay import filters
from relay.errors import NotFound, UsageError
from relay.filters import Filter
from relay.models import Capture
from relay.store.reader import Reader
from relay.store.search import GAP_S, Gaps, search

PAGE = 100
"""Captures in memory at once, if their bodies are small."""

BYTES_AT_ONCE = 8 * 1024 * 1024
"""Bytes of bodies in memory at once; a larger body comes alone."""

_IDS = re.compile(r"(\d{1,18})?(\.\.)?(\d{1,18})?", re.ASCII)
_EVENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Range:
    """Ids from `first` to `last`, both included; None is open."""

    first: int | None
    last: int | None
    word: str
    """As it was written."""

    @property
    def is_one(self) -> bool:
        """It names a single capture, so that its absence is a fault."""
        return self.first is not None and self.first == self.last


@dataclass(frozen=True, slots=True)
class Ids:
    """`12`, `12..20`, `12..`, `..20` and `latest`, one or several."""

    ranges: tuple[Range, ...]
    latest: bool = False


@dataclass(frozen=True, slots=True)
class OfEvent:
    """One event: the capture and its repeats."""

    event_id: str


Selection = Ids | OfEvent | Filter


def parse_selection(words: Sequence[str], now: datetime) -> Selection:
    """What the words of a command line select: nothing is everything.

    Ids if each word is one, an event if there is one word and that a UUID, else a filter. A number
    is found as text by putting it in quotes.

    Args:
        now: aware; what a filter's `since:2h` counts from.

    Raises:
        UsageError: the words are a filter, and a wrong one.
    """
    words = [part for word in words for part in word.split()] if _all_ids(words) else list(words)
    if words and all(map(_is_ids, words)):
        ranges = tuple(_range(word) for word in words if word != "latest")
        return Ids(ranges, latest="latest" in words)
    if len(words) == 1 and _EVENT_ID.fullmatch(words[0]):
        return OfEvent(words[0])
    try:
        return filters.parse(" ".join(words), now)
    except filters.FilterError as error:
        raise UsageError(str(error)) from error


def select_ids(reader: Reader, words: Sequence[str], now: datetime) -> Iterator[int]:
    """The ids of a selection, oldest first, each once.

    Raises:
        UsageError: the words are a filter, and a wrong one.
        NotFound: ids or an event are not there; the message names them.
    """
    return ids_of(reader, parse_selection(words, now))


def select(reader: Reader, words: Sequence[str], now: datetime) -> Iterator[Capture]:
    """The captures of a selection, oldest first, fetched in pages.

    Raises:
        UsageError: the words are a filter, and a wrong one.
        NotFound: ids or an event are not there; the message names them.
    """
    return fetched(reader, select_ids(reader, words, now))


def fetched(reader: Reader, ids: Iterable[int]) -> Iterator[Capture]:
    """The captures of ids, in pages small enough for memory; those removed meanwhile are left out."""
    for page in pages(reader, ids):
        yield from page


def pages(reader: Reader, ids: Iterable[int]) -> Iterator[list[Capture]]:
    """The same page by page, for whoever does something to each; a page may be empty."""
    gaps = Gaps()
    left = iter(ids)
    while page := list(islice(left, PAGE)):
        for part in _parts(page, reader.sizes(page)):
            yield reader.captures(part)
            gaps.leave()


def _parts(page: list[int], sizes: dict[int, int]) -> Iterator[list[int]]:
    """A page cut where its bodies would be more than BYTES_AT_ONCE, but for a single one."""
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
    """The ids of a selection that was read before, as `select_ids`."""
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
            raise NotFound("the log is empty: there is no latest capture")
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
    return f"the log goes from {reader.oldest_id()} to {newest}" if newest else "the log is empty"


def _all_ids(words: Sequence[str]) -> bool:
    return all(_is_ids(part) for word in words for part in word.split())


def _is_ids(word: str) -> bool:
    found = _IDS.fullmatch(word)
    return word == "latest" or bool(found and (found[1] or found[3]) and (found[2] or not found[3]))


def _range(word: str) -> Range:
    first, dots, last = word.partition("..")
    low = int(first) if first else None
    return Range(low, low if not dots else int(last) if last else None, word)
