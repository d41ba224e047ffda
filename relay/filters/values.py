"""Values in a filter: patterns, numbers, sizes and times.

Owns their syntax and comparison. Patterns are matched piece by piece, without regular expressions, so no
pattern is slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, DecimalException
from math import ceil, floor

from relay.filters.tree import Written
from relay.text.local_time import moment_of
from relay.text.units import parse_duration

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_CLOCK = re.compile(r"(\d?\d):(\d\d(?::\d\d(?:\.\d{3})?)?)", re.ASCII)
_MILLISECONDS = re.compile(r":\d\d[.,]\d{3}(?!\d)", re.ASCII)
_HUNDRED = re.compile(r"[1-9]xx", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Matches a whole text, in any case; `*` matches any text, or itself in quotes."""

    pieces: tuple[str, ...]
    """Casefolded; anything may be between two of them."""
    shown: str

    @classmethod
    def of(cls, value: Written) -> Pattern:
        folded = value.text.casefold()
        return cls((folded,) if value.literal else tuple(folded.split("*")), value.text)

    @property
    def is_exact(self) -> bool:
        """Whether it has no `*`."""
        return len(self.pieces) == 1

    @property
    def is_anything(self) -> bool:
        """Whether it is only `*`."""
        return len(self.pieces) > 1 and not any(self.pieces)

    def matches(self, text: str) -> bool:
        folded = text.casefold()
        first, last = self.pieces[0], self.pieces[-1]
        if self.is_exact:
            return folded == first
        if len(folded) < len(first) + len(last) or not (folded.startswith(first) and folded.endswith(last)):
            return False
        return in_order(self.pieces[1:-1], folded[len(first) : len(folded) - len(last)])

    def __str__(self) -> str:
        return self.shown if self.is_exact else f"like {self.shown}"


def in_order(pieces: Sequence[str] | Sequence[bytes], text: str | bytes) -> bool:
    """Whether all pieces occur in a text, in this order."""
    if len(pieces) == 1:
        return pieces[0] in text  # type: ignore[operator] # str in str or bytes in bytes
    at = 0
    for piece in pieces:
        at = text.find(piece, at)  # type: ignore[arg-type] # str in str or bytes in bytes
        if at < 0:
            return False
        at += len(piece)
    return True


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`, both included unless open; None is no bound."""

    low: Decimal | None
    high: Decimal | None
    low_open: bool = False
    high_open: bool = False

    def holds(self, number: Decimal | int) -> bool:
        """Whether a number is in the span. Exact: Decimals compare by value, at any precision."""
        if self.low is not None and (number < self.low or (self.low_open and number == self.low)):
            return False
        return self.high is None or not (number > self.high or (self.high_open and number == self.high))

    @property
    def one(self) -> Decimal | None:
        """The only number in it, if it was written as one."""
        return self.low if self.low is not None and self.low == self.high else None

    def whole(self) -> tuple[int | None, int | None]:
        """The bounds for whole numbers, both included."""
        low, high = self.low, self.high
        return (
            None if low is None else floor(low) + 1 if self.low_open else ceil(low),
            None if high is None else ceil(high) - 1 if self.high_open else floor(high),
        )

    def __str__(self) -> str:
        if self.one is not None:
            return str(self.one)
        words = []
        if self.low is not None:
            words.append(f"{'above' if self.low_open else 'at least'} {self.low}")
        if self.high is not None:
            words.append(f"{'below' if self.high_open else 'at most'} {self.high}")
        return " and ".join(words)


def is_range(text: str) -> bool:
    """Whether a value is written as a range or a comparison."""
    return ".." in text or text.startswith((">", "<"))


def span(text: str, number: Callable[[str], Decimal]) -> Span:
    """`100`, `100..200`, `100..`, `..200`, `>100`, `>=100`, `<100`, `<=100`.

    Args:
        number: reads one number, or raises ValueError.

    Raises:
        ValueError: it is none of these, or runs backwards.
    """
    for sign in (">=", "<=", ">", "<"):
        if text.startswith(sign):
            bound = number(text[len(sign) :])
            is_open = len(sign) == 1
            return (
                Span(bound, None, low_open=is_open)
                if sign[0] == ">"
                else Span(None, bound, high_open=is_open)
            )
    left, dots, right = text.partition("..")
    if not dots:
        bound = number(text)
        return Span(bound, bound)
    if not left and not right:
        raise ValueError("a range needs a bound: a..b, a.. or ..b")
    low, high = (number(left) if left else None), (number(right) if right else None)
    if low is not None and high is not None and low > high:
        raise ValueError(f"the range runs backwards: {left} is more than {right}")
    return Span(low, high)


def decimal(text: str) -> Decimal:
    """Any number, exactly as written: `100`, `-0.5`, `1e400`.

    Raises:
        ValueError: it is not a number.
    """
    try:
        if _NUMBER.fullmatch(text):
            return Decimal(text)
    except DecimalException:
        pass
    raise ValueError(f'"{text}" is not a valid number; put it in quotes to search for it as text')


def status(text: str) -> Span:
    """A status code, `5xx` or a range of codes.

    Raises:
        ValueError: it is none of these.
    """
    if _HUNDRED.fullmatch(text):
        first = Decimal(int(text[0]) * 100)
        return Span(first, first + 99)
    return span(text, _whole)


def _whole(text: str) -> Decimal:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'"{text}" is not a valid status code; use 500, 5xx or 500..599')
    return Decimal(text)


def moment(text: str, now: datetime, *, end: bool) -> datetime:
    """A time in UTC: `10m` or `2h` or `7d` ago, ISO 8601, a date, or `10:30` today.

    A time without an offset is in the zone of `now`, with the zone's offset at that time; see `moment_of` for
    one that occurs twice, or never.

    Args:
        end: return the last moment meant, not the first: the last microsecond of a date, or of a time
            written to the millisecond, as lists show it.

    Raises:
        ValueError: it is none of these.
    """
    assert now.tzinfo is not None
    try:
        with suppress(ValueError):
            # Subtract in UTC: the local clock may have been put forward since.
            return now.astimezone(UTC) - parse_duration(text)
        at, length = _written(text, now.date())
        if end:
            at += length - timedelta(microseconds=1)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
        return moment_of(at, now.tzinfo, last=end)
    except (ValueError, OverflowError):
        raise ValueError(
            f'"{text}" is not a valid time; use 10m, 2h or 7d (ago), 2026-11-20, 2026-11-20T08:15 or 08:15'
        ) from None


def _written(text: str, today: date) -> tuple[datetime, timedelta]:
    """A written time, with its offset if it has one, and its length.

    Raises:
        ValueError: it is not a time.
    """
    if found := _CLOCK.fullmatch(text):
        at = datetime.combine(today, time.fromisoformat(f"{found[1]:0>2}:{found[2]}"))
    else:
        try:
            return datetime.combine(date.fromisoformat(text), time()), timedelta(days=1)
        except ValueError:
            at = datetime.fromisoformat(text)
    return at, timedelta(milliseconds=1) if _MILLISECONDS.search(text) else timedelta(microseconds=1)
