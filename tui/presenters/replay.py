"""Sending again: what a person wrote as an order for the engine, and what came of it in words. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from relay.control.messages import Edits, ReplayRequest, ReplayState, ReplayStatus
from relay.delivery.expectations import Expectation, ExpectationCheck
from relay.delivery.replay_options import OptionError, ReplayOptions
from relay.delivery.replay_summary import started_by, summary
from relay.models import Capture, Delivery, Signature
from relay.text.json_values import TooDeepError, parsed
from relay.text.safe import visible
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


def options(wanted: Wanted) -> ReplayOptions:
    """The options of a form.

    Raises:
        OptionError: one is not valid; it names the field.
    """
    return ReplayOptions.read(
        to=_words("to", wanted.to),
        set=_words("set", wanted.set),
        header=_words("header", wanted.header),
        times=wanted.times,
        concurrency=wanted.concurrency,
        rate=wanted.rate,
        shuffle=wanted.shuffle,
        expect=wanted.expect,
        until_delivered=wanted.until_delivered,
    )


def order(ids: Sequence[int], wanted: Wanted, edits: Edits = Edits()) -> ReplayRequest:  # noqa: B008 - frozen
    """The request for a replay.

    Args:
        edits: made by hand; what `wanted` sets comes on top.

    Raises:
        OptionError: an option is not valid.
    """
    read = options(wanted)
    edits = msgspec.structs.replace(edits, set=read.edits.set, header=read.edits.header)
    return read.request(ids, by="screen", edits=edits, resign=wanted.resign)


def expectation(wanted: Wanted) -> Expectation | None:
    """The expected response; None for nothing in particular."""
    return options(wanted).expected


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


def _words(field: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise OptionError(field, f"{error}: quotes open and close, as in a shell") from error


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
    why = visible(progress.reason or progress.state)
    return f"{said}. {why[:1].upper()}{why[1:]}.", "bad"


def as_expected(check: ExpectationCheck) -> tuple[str, Tone]:
    """How many responses were as expected, or which were not."""
    if check.unmet:
        return f"{check.mismatches}.", "bad"
    if not check.met:
        return "No response arrived to compare.", "warn"
    responses = "The response is" if check.met == 1 else f"All {check.met:,} responses are"
    return f"{responses} as expected ({check.expected.word}).", "good"


def verdict(deliveries: Sequence[Delivery]) -> tuple[str, Tone] | None:
    """What the newest replay among deliveries came to, in a sentence."""
    replayed = [each for each in deliveries if each.kind == "replay"]
    return sentence(max(replayed, key=lambda each: each.id)) if replayed else None
