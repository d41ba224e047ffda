"""Parses a SELECTION: ids, one Lean event_id, or a filter.

Owns how to distinguish these, and rejects words that look like ids but are not: as a search text they would
find nothing, or in `prune` the wrong captures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay import filters
from relay.errors import UsageError
from relay.filters import Filter

LATEST = "latest"

_IDS = re.compile(r"(\d{1,18})?(\.\.)?(\d{1,18})?", re.ASCII)
_EVENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

_TOKENS = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^\s"]|")+')
"""Words of the filter language: spaces in quotes do not separate them."""

_NEARLY_IDS = re.compile(
    r"#\d+"
    r"|latest(?:\W.*)?"  # latest~1, latest..
    r"|[\w.]*\.\.latest"  # 1..latest
    r"|\d+\.\..*|[\w.]*\.\.\d+|\.\.+"  # 1..x, x..1, 1...3
    r"|\d+[-\u2013\u2014]\d+",  # 12-20
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Range:
    """Ids from `first` to `last`, both included; None is open."""

    first: int | None
    last: int | None
    word: str
    """As it was written."""

    @property
    def is_one(self) -> bool:
        """Whether it names a single capture, whose absence is an error."""
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
    """Parse the words of a command line; no words select everything.

    Ids, with or without commas, if each word is one; an event if there is one word and that a UUID; else a
    filter. A number is found as text by putting it in quotes.

    Args:
        now: aware; the start of a filter's `since:2h`.

    Raises:
        UsageError: the words are a wrong filter, or nearly ids.
    """
    tokens = list(_split(" ".join(words)))
    parts = [part for token in tokens for part in token.split(",") if part]
    if parts and all(map(_is_ids, parts)):
        ranges = tuple(_range(part) for part in parts if part != LATEST)
        return Ids(ranges, latest=LATEST in parts)
    if len(tokens) == 1 and _EVENT_ID.fullmatch(tokens[0]):
        return OfEvent(tokens[0])
    for token in tokens:
        _check_not_nearly_ids(token, alone=len(tokens) == 1)
    try:
        return filters.parse(" ".join(words), now)
    except filters.FilterError as error:
        raise UsageError(str(error)) from error


def _split(text: str) -> Iterator[str]:
    return (found[0] for found in _TOKENS.finditer(text))


def _is_ids(word: str) -> bool:
    found = _IDS.fullmatch(word)
    return word == LATEST or bool(found and (found[1] or found[3]) and (found[2] or not found[3]))


def _range(word: str) -> Range:
    first, dots, last = word.partition("..")
    low = int(first) if first else None
    high = low if not dots else int(last) if last else None
    if low is not None and high is not None and high < low:
        raise UsageError(f"{word} runs backwards; write {last}..{first}")
    return Range(low, high, word)


def _check_not_nearly_ids(token: str, *, alone: bool) -> None:
    """Reject words that are meant as ids but would be read as a text filter.

    Raises:
        UsageError: shows the right form.
    """
    token = token.strip("()")
    parts = [part for part in token.split(",") if part]
    if not alone and parts and all(map(_is_ids, parts)):
        raise UsageError(
            f"{token} is ids, which do not go together with a filter or a text; "
            f"to search for it as a text, put it in quotes: '\"{token}\"'"
        )
    if _NEARLY_IDS.fullmatch(token) or (len(parts) > 1 and _is_ids(parts[0])):
        raise UsageError(
            f"{token} is not a valid list of ids; use 12, 12..20, 20.. or latest, several with blanks or "
            f"commas; to search for it as a text, put it in quotes: '\"{token}\"'"
        )
