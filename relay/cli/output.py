"""Shared by the commands that read captures.

Owns masking, for text and for `--json` alike, and the columns of `list`.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import click

from relay.analysis.retries import OTHER_BYTES
from relay.config import Settings
from relay.delivery.expectations import Result
from relay.errors import NotFound, UsageError
from relay.models import COPIES, NOT_COMPARED, Attempt, Baseline, Capture, Headers, Origin, body_as_json
from relay.store.read.reader import Reader
from relay.store.read.selection import select_ids
from relay.text.captures import outcomes, shape_remarks, title
from relay.text.decoding import decoded, encoding_of
from relay.text.local_time import local, now
from relay.text.safe import mask_attempt, mask_capture, visible_block, visible_start
from relay.text.units import format_bytes

F = TypeVar("F", bound=Callable[..., Any])

REVEAL_HELP = "Show the values of secret headers, which are otherwise masked, also with --json."

NOTE_IN_LIST = 200
"""Characters of a note shown in the line of its capture."""

_NEGATED = re.compile(r"-[(\"]|-[A-Za-z][A-Za-z.]*:")


class FilterCommand(click.Command):
    """A command whose arguments may be a filter: `-type:payment` is not an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        words = [f"not:{word[1:]}" if _NEGATED.match(word) else word for word in args[:end]]
        return super().parse_args(ctx, [*words, *args[end:]])


def one_capture(reader: Reader, word: str) -> Capture:
    """The one capture that a word of the command line selects.

    Raises:
        UsageError: it selects several.
        NotFound: it selects none.
    """
    first, *more = islice(select_ids(reader, (word,), now()), 2)
    if more:
        raise UsageError(f"{word} selects several captures; name one by its id")
    capture = reader.capture(first)
    if capture is None:
        raise NotFound(f"no capture {first}")
    return capture


def reveal_option(function: F) -> F:
    """`--reveal`, for commands that print headers."""
    return click.option("--reveal", is_flag=True, help=REVEAL_HELP)(function)


def masked(capture: Capture, settings: Settings, *, reveal: bool) -> Capture:
    """The capture, without the values of secret headers unless `reveal` is set."""
    return capture if reveal else mask_capture(capture, settings.mask_headers)


def masked_attempt(attempt: Attempt, settings: Settings, *, reveal: bool) -> Attempt:
    """The attempt, with its request's and response's headers masked likewise."""
    return attempt if reveal else mask_attempt(attempt, settings.mask_headers)


def capture_as_json(capture: Capture, settings: Settings, *, reveal: bool) -> dict[str, Any]:
    """A capture for `--json`: masked, and with the decompressed body after its bytes."""
    return masked(capture, settings, reveal=reveal).as_json() | _unpacked(capture.body, capture.headers)


def attempt_as_json(
    attempt: Attempt,
    settings: Settings,
    *,
    reveal: bool,
    result: Result | None = None,
    baseline: Baseline | None = None,
) -> dict[str, Any]:
    """An attempt for `--json`.

    Args:
        result: for a replay with --expect; None if nothing was expected.
        baseline: of its capture and target, where it was looked for.
    """
    compared = dict(NOT_COMPARED)
    if result is not None:
        compared |= {"as_expected": result.is_met, "comparison": result.change}
        baseline = result.baseline
    if baseline is not None:
        compared["baseline_id"] = baseline.attempt_id
    return (
        masked_attempt(attempt, settings, reveal=reveal).as_json()
        | compared
        | _unpacked(attempt.body, attempt.headers)
    )


def _unpacked(body: bytes | None, headers: Headers | None) -> dict[str, Any]:
    """Decompressed body, its coding, and remarks; empty for other bodies."""
    if not body or headers is None:
        return {}
    found = decoded(body, encoding_of(headers))
    if not found.coding:
        return {}
    labels = {"body_coding": found.coding, "body_notes": list(found.notes)}
    return body_as_json("body_unpacked", found.data) | labels


def write_bytes(data: bytes, *, first: bool = True) -> None:
    """Write exact bytes to stdout; on a terminal, make control characters visible.

    Args:
        first: nothing was written before; else an empty line is written first, as a separator.
    """
    if not first:
        sys.stdout.write("\n" if sys.stdout.isatty() else "\n\n")
    if sys.stdout.isatty():
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        safe = visible_block(text)
        click.echo(safe, nl=not safe.endswith("\n"))
        if safe.encode() != data:
            click.echo("made safe for the terminal; redirect it for the exact bytes", err=True)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


class Columns:
    """Formats captures as lines with aligned columns, cut to the width of the terminal."""

    def __init__(self, reader: Reader, today: datetime) -> None:
        """
        Args:
            reader: of the database, for the width of columns.
            today: the local time; captures of other days are shown with their date.
        """
        self._reader = reader
        self._id_width = len(str(reader.newest_id()))
        self._position_width = 5 if reader.has_positions() else 0
        self._today = today.date()
        self._dated = False
        """Whether a line had a date; all later ones then have one too, to keep the columns aligned."""
        self._width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        # Lean's event types have up to 47 characters; narrow terminals get less, least if there are columns
        # of deliveries.
        others = 64 if reader.has_deliveries() else 56
        self._what_width = 34 if self._width is None else max(16, min(34, self._width - others))

    def heading(self, first: Capture) -> str:
        """The names of the columns, over the line of the first capture."""
        self._dated = local(first.received_at).date() != self._today
        cells = [
            "id".rjust(self._id_width),
            *self._position("pos"),
            "time".ljust(23 if self._dated else 12),
            "event".ljust(self._what_width),
            "signature",
            "size".rjust(9),
            "relay -> backend" if self._reader.has_deliveries() else "relay",
        ]
        return self._cut("  ".join(cells))

    def line(self, capture: Capture) -> str:
        """`12  08:15:30.123  payment.updated  valid  412 B  200  repeat of 9`."""
        at = local(capture.received_at)
        self._dated = self._dated or at.date() != self._today
        date = f"{at:%Y-%m-%d} " if self._dated else ""
        called = title(capture)
        if self._width is not None and len(called) > self._what_width:
            called = called[: self._what_width - 1] + "…"
        cells = [
            str(capture.id).rjust(self._id_width),
            *self._position("" if capture.position is None else str(capture.position)),
            f"{date}{at:%H:%M:%S}.{at.microsecond // 1000:03}",
            called.ljust(self._what_width),
            capture.signature.ljust(9),
            format_bytes(len(capture.body)).rjust(9),
            str(capture.answer.status),
            *filter(None, [outcomes(capture.deliveries)]),
            ", ".join(_remarks(capture, other_bytes=has_other_bytes(self._reader, capture))),
        ]
        return self._cut("  ".join(cells).rstrip())

    def _position(self, text: str) -> list[str]:
        """The cell of the position in the team's log, where any capture has one."""
        return [text.rjust(self._position_width)] if self._position_width else []

    def _cut(self, line: str) -> str:
        return line if self._width is None or len(line) <= self._width else line[: self._width - 1] + "…"


def has_other_bytes(reader: Reader, capture: Capture) -> bool:
    """Whether a capture repeats an event with another body, as no retry of Lean's does."""
    if capture.repeat_of is None or capture.origin in COPIES:
        return False
    sent = reader.sent_first(capture)
    return sent is not None and sent != capture.body_sha256


def _remarks(capture: Capture, *, other_bytes: bool) -> list[str]:
    remarks = []
    if capture.origin != Origin.RECEIVED:
        remarks.append(str(capture.origin))
    if capture.repeat_of is not None:
        remarks.append(f"repeat of {capture.repeat_of}{OTHER_BYTES if other_bytes else ''}")
    remarks += shape_remarks(capture.shape, capture.undocumented)
    if capture.starred:
        remarks.append("starred")
    if capture.note is not None:
        remarks.append(f"note: {visible_start(capture.note, NOTE_IN_LIST)}")
    return remarks
