"""Sending again: what a person wrote as an order for the engine, and what came of it in words. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from relay.control.messages import Edits, ReplayRequest, ReplayState, ReplayStatus
from relay.delivery.edits import parse_header
from relay.delivery.expectations import Expectation
from relay.delivery.replay_summary import started_by, summary
from relay.lean.set_value import parse_splice
from relay.models import Capture, Delivery, Signature
from relay.text.json_values import TooDeepError, parsed
from relay.text.safe import visible
from relay.text.targets import target_url
from tui.presenters.event import sentence
from tui.presenters.format import Piece, Tone

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How captures are to be sent again, as it was written; blanks part words, as in a shell."""

    to: str = ""
    """Targets; none: the usual ones."""
    set: str = ""
    """PATH=VALUE, as often as wanted."""
    header: str = ""
    """'Name: value', as often as wanted."""
    times: str = "1"
    concurrency: str = "1"
    rate: str = ""
    """Deliveries in a second, or `original`; empty for no bound."""
    shuffle: str = ""
    """Seeds an order of chance; empty for the order in which they came."""
    expect: str = ""
    """What each answer has to be; empty for nothing in particular."""
    resign: bool = False
    until_delivered: bool = False


class Fault(ValueError):
    """What was written cannot be read."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        """Of `Wanted`."""


def order(ids: Sequence[int], wanted: Wanted, edits: Edits = Edits()) -> ReplayRequest:  # noqa: B008 - frozen
    """The request for a replay.

    Args:
        ids: ascending.
        edits: made by hand; what `wanted` sets comes on top.

    Raises:
        Fault: something is written wrong.
    """
    targets = [_read("to", target_url, word) and word for word in _words("to", wanted.to)]
    changes = tuple(_read("set", parse_splice, word) for word in _words("set", wanted.set))
    headers = tuple(_read("header", parse_header, word) for word in _words("header", wanted.header))
    edits = msgspec.structs.replace(edits, set=changes, header=headers)
    rate, shuffle = _read("rate", _rate, wanted.rate), _read("shuffle", _seed, wanted.shuffle)
    if shuffle is not None and rate == "original":
        raise Fault("shuffle", "an order of chance and the original pace exclude each other")
    if wanted.until_delivered and wanted.expect.strip():
        raise Fault("expect", "what is tried until it is delivered ends so: nothing else can be expected")
    return ReplayRequest(
        ranges=tuple(ranges(ids)),
        to=tuple(targets),
        edits=edits,
        resign=wanted.resign,
        times=_read("times", _count, wanted.times),
        concurrency=_read("concurrency", _count, wanted.concurrency),
        rate=rate,
        shuffle=shuffle,
        until_delivered=wanted.until_delivered,
        by="screen",
    )


def expectation(wanted: Wanted) -> Expectation | None:
    """What each answer has to be; None for nothing in particular.

    Raises:
        Fault: it is written wrong.
    """
    return _read("expect", Expectation.read, wanted.expect) if wanted.expect.strip() else None


def doubts_about(capture: Capture, edits: Edits, *, resign: bool) -> Iterator[str]:
    """Reasons to ask before an edited capture is sent, in sentences: what its backend will probably refuse.

    Args:
        capture: as it came.
        edits: what was changed in it.
        resign: whether it will be signed again.
    """
    if edits.body is None or edits.body == capture.body:
        return
    if _json_error(capture.body) is None and (error := _json_error(edits.body)) is not None:
        yield f"The body was JSON and is not any more: {error}."
    if capture.signature is not Signature.MISSING and not resign:
        yield "The body was changed and will not be signed again, so its signature will not verify."


def _json_error(body: bytes) -> str | None:
    """Why a body is not JSON; None where it is, or goes deeper than can be followed."""
    try:
        parsed(body)
    except TooDeepError:
        return None
    except ValueError as error:
        return str(error)
    return None


def ranges(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending ids as spans without gaps."""
    found: list[tuple[int, int]] = []
    for number in sorted(ids):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _words(field: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Fault(field, f"{error}: quotes open and close, as in a shell") from error


def _read(field: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise Fault(field, str(error)) from error


def _count(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise ValueError(f"{text!r} is no number from 1 on")
    return int(text)


def _seed(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no whole number, which an order of chance begins with") from error


def _rate(text: str) -> float | Literal["original"] | None:
    text = text.strip()
    if not text:
        return None
    if text == "original":
        return "original"
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise ValueError(f"{text!r} is neither deliveries in a second nor the word original")
    return rate


# -- what comes of it ------------------------------------------------------------------------------


def line(progress: ReplayStatus, cancel: str) -> Iterator[Piece]:
    """How far a run has come: `↻ Sending again to localhost:3000  12 of 40  ✓ 11 ✗ 1`.

    Args:
        cancel: the key that does.
    """
    yield "↻ Sending again to ", "accent"
    yield _places(progress), "plain"
    yield from _counts(progress)
    yield f" · {cancel} cancels", "dim"


def line_of_others(others: Sequence[ReplayStatus], cancel: str) -> Iterator[Piece]:
    """The same of runs not begun here: `↻ Replay 3, from a command  12 of 40 ...`, and how many more."""
    first, *more = others
    yield f"↻ Replay {started_by(first)}", "accent"
    yield from _counts(first)
    yield f" · {cancel} asks to end it", "dim"
    if more:
        yield f" · and {len(more)} more", "accent"
    yield f" · to {_places(first)}", "plain"


def _places(progress: ReplayStatus) -> str:
    return ", ".join(visible(target.removeprefix("http://")) for target in progress.targets)


def _counts(progress: ReplayStatus) -> Iterator[Piece]:
    yield f"  {progress.done:,} of {progress.total:,} ", "strong"
    if progress.delivered:
        yield f" ✓ {progress.delivered:,}", "good"
    if progress.failed:
        yield f" ✗ {progress.failed:,}", "bad"
    if progress.waits:
        yield f" · waits: {visible(progress.waits)}", "warn"


def what_is_ended(progress: ReplayStatus) -> str:
    """What is lost when a run that was not begun here is ended, as a question names it."""
    to = visible(" and ".join(progress.targets))
    by = started_by(progress).partition(", from ")[2]
    return (
        f"It was begun by {by}, not here. {progress.left:,} of its {progress.total:,} deliveries to "
        f"{to} would not be sent; what has been sent stays sent."
    )


def conclusion(progress: ReplayStatus) -> tuple[str, Tone]:
    """What a run came to, as `replay` says it."""
    said = summary(progress)
    if progress.state == ReplayState.ENDED:
        return said, "warn" if progress.failed else "good"
    return f"{said}. {visible(progress.reason or progress.state).capitalize()}.", "bad"


NAMED = 10
"""Captures whose answers were not as expected, by name."""


def as_expected(expected: Expectation, met: int, unmet: Sequence[int]) -> tuple[str, Tone]:
    """How many answers were as expected, and whose were not.

    Args:
        met: how many.
        unmet: the captures of the others.
    """
    if not unmet:
        told = f"as expected ({expected.word}): {'its answer' if met == 1 else f'all {met:,} answers'}"
        return (f"{told.capitalize()}.", "good") if met else ("No answer came to hold against it.", "warn")
    named = ", ".join(map(str, unmet[:NAMED])) + (", …" if len(unmet) > NAMED else "")
    return (
        f"Not as expected ({expected.word}): {len(unmet):,} of {met + len(unmet):,} answers, of {named}.",
        "bad",
    )


def verdict(deliveries: Sequence[Delivery]) -> tuple[str, Tone] | None:
    """What the newest replay among deliveries came to, in a sentence."""
    replayed = [each for each in deliveries if each.kind == "replay"]
    return sentence(max(replayed, key=lambda each: each.id)) if replayed else None
