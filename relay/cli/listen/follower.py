"""Prints a line for each capture and attempt while `listen` runs, and with --json those of the tunnel, in its
own thread.

A blocked terminal (Ctrl-S, a full pipe) must not delay a response or lose a capture, so the follower reads
the database at its own pace instead of getting events from the engine.
"""

from __future__ import annotations

import errno
import logging
import queue
import threading
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any

from relay.analysis.retries import OTHER_BYTES
from relay.cli.json_lines import json_line
from relay.cli.listen.line_writer import STDERR, STDOUT, write
from relay.cli.output import attempt_as_json, capture_as_json, has_other_bytes
from relay.config import Settings
from relay.delivery.http.outcomes import NOT_SENT
from relay.errors import RelayError
from relay.lean import schedule
from relay.models import AttemptEvent, Capture, Origin
from relay.store.read.reader import Reader
from relay.store.read.selection import fetched
from relay.text.captures import attempt_outcome, event_or_request, title
from relay.text.safe import visible
from relay.text.targets import target_name
from relay.text.units import format_ms

EVERY_S = 0.1
LINES_AT_ONCE = 10
"""Captures that get a line each per look, and the same number of attempts; the rest is one line with a count.

Reading them back takes the GIL from the receiver: 50 of them cost a fifth of the throughput.
"""

ANSWERS_AT_ONCE = 10
"""Attempts in memory at once; each may hold 1 MiB of a response."""

PAUSE_S = 5.0
"""Pause after the database could not be read, or a file of our output was full."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger("relay.follow")


class Follower:
    """Follows the database from its current end; a context manager that prints the rest when it exits."""

    def __init__(self, settings: Settings, *, json: bool) -> None:
        self._settings = settings
        self._json = json
        self._targets = {target_name(route.to) for route in settings.forward}
        """Lines name the target if there are several; `reload` may add more."""
        self._stop = threading.Event()
        self._others: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def print_json(self, line: dict[str, Any]) -> None:
        """Print a line soon, without waiting for a blocked terminal."""
        self._others.put(line)

    def __enter__(self) -> Follower:
        self._reader = Reader(self._settings.db)
        self._last_attempt = self._reader.newest_attempt_id()
        self._last = self._reader.newest_id()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=1.0)  # a blocked terminal must not delay the end

    def _run(self) -> None:
        with self._reader, suppress(OSError):  # The reader of our output has gone.
            self._follow()

    def _follow(self) -> None:
        seen = -1
        stopping = False
        while not stopping:
            stopping = self._stop.wait(EVERY_S)
            try:
                while not self._others.empty():
                    write(STDOUT, json_line(self._others.get()))
                version = self._reader.data_version()
                if version != seen:
                    self._print_new()
                    seen = version
            except RelayError as error:  # locked for long, or damaged; the engine reports that too
                log.warning("could not read new captures and attempts: %s", error)
                self._pause(stopping)
            except OSError as error:
                if error.errno not in NO_SPACE:
                    raise
                self._pause(stopping)

    def _pause(self, stopping: bool) -> None:
        """Wait for the cause to go; a stop meanwhile still gets its last look."""
        if not stopping:
            self._stop.wait(PAUSE_S)

    def _print_new(self) -> None:
        # Read first, so that no attempt is printed before its capture.
        newest_attempt = self._reader.newest_attempt_id()
        self._print_captures()
        self._print_attempts(newest_attempt)

    def _print_captures(self) -> None:
        newest = self._reader.newest_id()
        skipped = 0 if self._json else newest - self._last - LINES_AT_ONCE
        if skipped > 0:
            write(STDERR, f"... {skipped} more captures, which `list` shows\n")
            self._last += skipped
        for capture in fetched(self._reader, range(self._last + 1, newest + 1)):
            if self._json:
                write(STDOUT, json_line(capture_as_json(capture, self._settings, reveal=False)))
            else:
                other_bytes = has_other_bytes(self._reader, capture)
                write(STDERR, f"{capture_line(capture, other_bytes=other_bytes)}\n")
            self._last = capture.id
        self._last = newest

    def _print_attempts(self, newest: int) -> None:
        skipped = 0 if self._json else newest - self._last_attempt - LINES_AT_ONCE
        if skipped > 0:
            write(STDERR, f"... {skipped} more attempts; `list` shows the result for each capture\n")
            self._last_attempt += skipped
        while page := self._reader.attempts_after(self._last_attempt, ANSWERS_AT_ONCE, newest):
            for followed in page:
                self._last_attempt = followed.attempt.id
                if followed.was_elsewhere:
                    continue
                self._targets.add(followed.attempt.target)
                if self._json:
                    write(STDOUT, json_line(attempt_as_json(followed.attempt, self._settings, reveal=False)))
                else:
                    write(STDERR, f"{attempt_line(followed, name_target=len(self._targets) > 1)}\n")
        self._last_attempt = newest


def capture_line(capture: Capture, *, other_bytes: bool = False) -> str:
    """`12 payment.updated valid`: the event, its signature, and anything unusual about it."""
    words = [str(capture.id), title(capture), capture.signature]
    if capture.origin != Origin.RECEIVED:
        words.append(str(capture.origin))
    if capture.repeat_of is not None:
        words.append(f"repeat of {capture.repeat_of}{OTHER_BYTES if other_bytes else ''}")
    if capture.answer.on_purpose:
        words.append(f"answered {capture.answer.status}: {visible(capture.answer.on_purpose)}")
    return " ".join(words)


def attempt_line(followed: AttemptEvent, *, name_target: bool) -> str:
    """`12 payment.updated valid -> 500 in 41 ms: Lean would try again in 1 min`; safe to show."""
    attempt = followed.attempt
    words = [
        str(attempt.capture_id),
        event_or_request(followed.event_type, followed.method, followed.request_target),
        "edited" if attempt.sent_body is not None else followed.signature,
    ]
    if attempt.kind != "live":
        words.append(visible(attempt.kind))
    where = f"{visible(attempt.target)}: " if name_target else ""
    tries = f", attempt {attempt.number}" if attempt.number > 1 else ""
    line = f"{' '.join(words)} -> {where}{attempt_outcome(attempt)}{tries}: {conclusion(followed)}"
    if followed.again_at is not None:
        ended_at = attempt.started_at + timedelta(milliseconds=attempt.elapsed_ms)
        wait_ms = max(0.0, (followed.again_at - ended_at) / timedelta(milliseconds=1))
        line += f"; the relay does in {format_ms(wait_ms)}"
    return line


def _number(followed: AttemptEvent) -> int | None:
    """Which of Lean's attempts this one corresponds to; None if not known.

    A capture that repeats another is Lean's retry; the minutes between them say which one.
    """
    number = followed.attempt.number
    if followed.repeat_of is None:
        return number
    if followed.first_at is None:
        return None
    begun = schedule.attempt_number(followed.first_at, followed.received_at)
    return None if begun is None else begun + number - 1


def conclusion(followed: AttemptEvent) -> str:
    """Lean's conclusion: `delivered`, `Lean would try again in 1 min`; safe to show."""
    attempt, number = followed.attempt, _number(followed)
    if attempt.verdict is None and attempt.outcome in NOT_SENT:
        return "not sent"
    if attempt.verdict is None:
        return f"no verdict: {visible(attempt.verdict_reason or 'it is not known what Lean would conclude')}"
    if attempt.verdict == "delivered":
        return "delivered"
    outlook = schedule.OUTLOOK_UNKNOWN if number is None else schedule.verdict(None, 0.0, number).outlook
    # A 500 needs no explanation; a 201, or a 200 that came too late, does.
    surprising = attempt.status is not None and attempt.status < 400 and attempt.verdict_reason
    return f"{outlook} ({visible(str(attempt.verdict_reason))})" if surprising else outlook
