"""Options of a replay as people write them: one reader for the command and for the screen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from relay.control.messages import (
    MOST_CONCURRENT,
    MOST_TIMES,
    Edits,
    FreshIds,
    ReplayRequest,
    TargetTls,
    id_ranges,
)
from relay.delivery.edits import parse_header, parse_method, parse_path
from relay.delivery.expectations import Expectation
from relay.lean.set_value import parse_splice
from relay.text.targets import target_url

MOST_RATE = 100_000

Rate = float | Literal["original"] | None
"""Deliveries per second; `original` for as far apart as the captures came; None for no limit."""

T = TypeVar("T")


class OptionError(ValueError):
    """An option of a replay is not valid."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(reason)
        self.option = option
        """Its name in `ReplayOptions`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """How captures are replayed."""

    to: tuple[str, ...]
    """Targets as they were written; none: those that each capture is routed to."""
    edits: Edits
    """Of --set, --header, --method and --path."""
    times: int
    concurrency: int
    rate: Rate
    shuffle: int | None
    """Seeds a random order; None for the order in which the captures came."""
    expected: Expectation | None
    until_delivered: bool
    fresh_ids: bool
    fresh_payload_ids: bool
    pin: bool

    @classmethod
    def read(
        cls,
        *,
        to: Sequence[str] = (),
        set: Sequence[str] = (),
        header: Sequence[str] = (),
        method: str = "",
        path: str = "",
        times: str = "1",
        concurrency: str = "1",
        rate: str = "",
        shuffle: str = "",
        expect: str = "",
        until_delivered: bool = False,
        fresh_ids: bool = False,
        fresh_payload_ids: bool = False,
        pin: bool = False,
    ) -> ReplayOptions:
        """The options from their texts, each named as its flag; an empty text is an option not given.

        Raises:
            OptionError: one is not valid, or two of them exclude each other.
        """
        options = cls(
            to=tuple(_read("to", _target, text) for text in to),
            edits=Edits(
                method=_read("method", parse_method, method),
                target=_read("path", parse_path, path),
                set=tuple(_read("set", parse_splice, text) for text in set),
                header=tuple(_read("header", parse_header, text) for text in header),
            ),
            times=_read("times", _count(MOST_TIMES), times),
            concurrency=_read("concurrency", _count(MOST_CONCURRENT), concurrency),
            rate=_read("rate", _rate, rate),
            shuffle=_read("shuffle", _seed, shuffle),
            expected=_read("expect", Expectation.read, expect) if expect.strip() else None,
            until_delivered=until_delivered,
            fresh_ids=fresh_ids or fresh_payload_ids,
            fresh_payload_ids=fresh_payload_ids,
            pin=pin,
        )
        if options.shuffle is not None and options.rate == "original":
            raise OptionError("shuffle", "a random order and the original pace exclude each other")
        if until_delivered and options.expected is not None:
            raise OptionError("expect", "retrying until delivered and an expectation exclude each other")
        if pin and options.expected is not None and options.expected.is_recorded:
            raise OptionError("pin", "a new baseline and a comparison with the old one exclude each other")
        return options

    def fresh(self, newest_at: datetime | None, now: datetime, seed: str) -> FreshIds | None:
        """The fresh ids of a request, as `new_ids` makes them; None where none are wanted."""
        return new_ids(newest_at, now, seed, payload=self.fresh_payload_ids) if self.fresh_ids else None

    def request(
        self,
        ids: Iterable[int],
        *,
        by: Literal["command", "screen"],
        edits: Edits | None = None,
        resign: bool | str = False,
        fresh: FreshIds | None = None,
        tls: TargetTls | None = None,
    ) -> ReplayRequest:
        """The engine's message that replays captures with these options.

        Args:
            edits: in place of those of the options.
            fresh: of `fresh`.
        """
        return ReplayRequest(
            ranges=tuple(id_ranges(ids)),
            to=self.to,
            edits=self.edits if edits is None else edits,
            resign=resign,
            fresh=fresh,
            times=self.times,
            shuffle=self.shuffle,
            concurrency=self.concurrency,
            rate=self.rate,
            until_delivered=self.until_delivered,
            pin=self.pin,
            tls=tls,
            by=by,
        )


def new_ids(newest_at: datetime | None, now: datetime, seed: str, *, payload: bool) -> FreshIds:
    """New ids and times for one replay.

    Times move by whole seconds, so that the events keep their distances in any notation.

    Args:
        newest_at: the newest timestamp among the events, which becomes `now`; None where none has one.
        seed: makes the mapping of ids.
        payload: whether payloads get new ids too.
    """
    seconds = 0 if newest_at is None else (now - newest_at) // timedelta(seconds=1)
    return FreshIds(seed=seed, shift_us=seconds * 1_000_000, payload=payload)


def _read(option: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise OptionError(option, str(error)) from error


def _target(text: str) -> str:
    # As it was written: whether it names a path decides whether the capture's own is kept.
    target_url(text)
    return text


def _count(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text) if text.strip().isdecimal() and len(text) < 10 else 0
        if not 1 <= number <= most:
            raise ValueError(f"{text!r} is not a valid number; use 1 to {most}")
        return number

    return read


def _rate(text: str) -> Rate:
    text = text.strip()
    if not text:
        return None
    if text == "original":
        return "original"
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= MOST_RATE:
        raise ValueError(
            f"{text!r} is not a valid rate; use deliveries per second, up to {MOST_RATE}, or original"
        )
    return rate


def _seed(text: str) -> int | None:
    try:
        return int(text) if text.strip() else None
    except ValueError:
        raise ValueError(f"{text!r} is not a valid seed; use a whole number") from None
