"""Replays: the form as a request for the engine, progress and result as text. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from relay.control.messages import Edits, FreshIds, ReplayRequest, ReplayState, ReplayStatus
from relay.delivery.expectations import Expectation, ExpectationCheck
from relay.delivery.replay_options import OptionError, ReplayOptions
from relay.delivery.replay_summary import started_by, summary
from relay.models import Capture, Delivery, Signature
from relay.text.json_values import TooDeepError, parsed
from relay.text.safe import visible
from tui.presenters.deliveries import sentence
from tui.presenters.format import Piece, Tone

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayForm:
    """The replay form as written; blanks separate words, as in a shell."""

    to: str = ""
    """Targets; empty for the configured ones."""
    set: str = ""
    """PATH=VALUE, any number."""
    header: str = ""
    """'Name: value', any number."""
    times: str = "1"
    concurrency: str = "1"
    rate: str = ""
    """Deliveries per second, or `original`; empty for no limit."""
    shuffle: str = ""
    """Seed of a random order; empty for the order received."""
    expect: str = ""
    """The expected response; empty for any."""
    resign: bool = False
    fresh_ids: bool = False
    until_delivered: bool = False


def options(form: ReplayForm) -> ReplayOptions:
    """Read the options of a form.

    Raises:
        OptionError: one is not valid; names the field.
    """
    return ReplayOptions.read(
        to=_words("to", form.to),
        set=_words("set", form.set),
        header=_words("header", form.header),
        times=form.times,
        concurrency=form.concurrency,
        rate=form.rate,
        shuffle=form.shuffle,
        expect=form.expect,
        fresh_payload_ids=form.fresh_ids,
        until_delivered=form.until_delivered,
    )


def replay_request(
    ids: Sequence[int],
    form: ReplayForm,
    edits: Edits = Edits(),  # noqa: B008 - frozen
    fresh: FreshIds | None = None,
) -> ReplayRequest:
    """The request for a replay.

    Args:
        edits: made by hand, before those of `form`.
        fresh: the new ids and times for these captures, where the form asks for them.

    Raises:
        OptionError: an option is not valid.
    """
    read = options(form)
    edits = msgspec.structs.replace(edits, set=read.edits.set, header=read.edits.header)
    return read.request(
        ids, by="screen", edits=edits, resign=form.resign, fresh=fresh if read.fresh_ids else None
    )


def duration_s(form: ReplayForm, count: int, taken_ms: Sequence[float]) -> float | None:
    """About how long a replay takes, in seconds; None where it is not known.

    Args:
        count: requests.
        taken_ms: times that earlier attempts took.
    """
    read = options(form)
    if isinstance(read.rate, float):
        return count / read.rate
    if read.rate == "original" or read.until_delivered or not taken_ms:
        return None
    return count * sum(taken_ms) / len(taken_ms) / 1000 / read.concurrency


def expectation(form: ReplayForm) -> Expectation | None:
    """The expected response; None for any."""
    return options(form).expected


def doubts_about(capture: Capture, edits: Edits, *, resign: bool) -> Iterator[str]:
    """Reasons why a backend will probably refuse an edited capture, in sentences.

    Args:
        capture: as received.
        resign: whether it will be signed again.
    """
    if edits.body is None or edits.body == capture.body:
        return
    if _json_error(capture.body) is None and (error := _json_error(edits.body)) is not None:
        yield f"The body was JSON and no longer is: {error}."
    if capture.signature is not Signature.MISSING and not resign:
        yield "The body was changed and will not be signed again, so the signature will not verify."


def _json_error(body: bytes) -> str | None:
    """Why a body is not JSON; None where it is, or is nested too deep to check."""
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
        raise OptionError(field, f"{error}; quotes work as in a shell") from error


# -- progress and result ---------------------------------------------------------------------------


BAR = 14
"""Cells of the bar between its ends."""

RATED_AFTER_S = 1.0


def line(progress: ReplayStatus, cancel: str) -> Iterator[Piece]:
    """Progress of a run: `↻ ▐███░░░▌ 12 of 40  ✓ 11 ✗ 1 · 55/s · Esc cancels · to localhost:3000`.

    Args:
        cancel: the key that cancels.
    """
    yield "↻ ", "accent"
    yield from _counts(progress)
    yield f" · {cancel} cancels", "dim"
    yield f" · to {_places(progress)}", "plain"


def line_of_others(others: Sequence[ReplayStatus], cancel: str) -> Iterator[Piece]:
    """Progress of runs started elsewhere: `↻ Replay 3, from a command  12 of 40 ...`."""
    first, *more = others
    yield f"↻ Replay {started_by(first)} ", "accent"
    yield from _counts(first)
    yield f" · {cancel} stops it", "dim"
    if more:
        yield f" · and {len(more)} more", "accent"
    yield f" · to {_places(first)}", "plain"


def _places(progress: ReplayStatus) -> str:
    return ", ".join(visible(target.removeprefix("http://")) for target in progress.targets)


def _counts(progress: ReplayStatus) -> Iterator[Piece]:
    full = BAR * progress.done // max(progress.total, 1)
    yield f"▐{'█' * full}{'░' * (BAR - full)}▌", "accent"
    yield f" {progress.done:,} of {progress.total:,} ", "strong"
    if progress.delivered:
        yield f" ✓ {progress.delivered:,}", "good"
    if progress.failed:
        yield f" ✗ {progress.failed:,}", "bad"
    if progress.waits:
        yield f" · waits: {visible(progress.waits)}", "warn"
    elif progress.done and progress.elapsed_s >= RATED_AFTER_S:
        yield f" · {progress.done / progress.elapsed_s:,.0f}/s", "dim"


def stop_warning(progress: ReplayStatus) -> str:
    """The consequence of stopping a run that was started elsewhere, for a question."""
    to = visible(" and ".join(progress.targets))
    by = started_by(progress).partition(", from ")[2]
    return (
        f"It was started by {by}, not here. {progress.left:,} of its {progress.total:,} deliveries to "
        f"{to} would not be sent; requests already sent stay sent."
    )


def conclusion(progress: ReplayStatus) -> tuple[str, Tone]:
    """The result of a run, as `replay` prints it."""
    result = summary(progress)
    if progress.state == ReplayState.ENDED:
        return result, "warn" if progress.failed else "good"
    why = visible(progress.reason or progress.state)
    return f"{result}. {why[:1].upper()}{why[1:]}.", "bad"


def as_expected(check: ExpectationCheck) -> tuple[str, Tone]:
    """How many responses were as expected, or which were not."""
    changes = f" Compared with the baseline: {check.changes_in_words}." if check.changes_in_words else ""
    if check.unmet:
        return f"{check.mismatches}.{changes}", "bad"
    if not check.met:
        return "No response arrived to compare.", "warn"
    responses = "The response is" if check.met == 1 else f"All {check.met:,} responses are"
    return f"{responses} as expected ({check.expected.word}).{changes}", "good"


def verdict(deliveries: Sequence[Delivery]) -> tuple[str, Tone] | None:
    """The result of the newest replay among deliveries, in a sentence."""
    replayed = [each for each in deliveries if each.kind == "replay"]
    return sentence(max(replayed, key=lambda each: each.id)) if replayed else None
