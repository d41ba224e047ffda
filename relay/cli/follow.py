"""What `listen` prints of captures as they come, read back from the log in a thread of its own.

A terminal that stands still (Ctrl-S, a full pipe) must delay no answer and lose no capture: so the
engine hands nothing over, and the follower reads at its own pace.
"""

from __future__ import annotations

import json
import logging
import threading
from contextlib import suppress
from types import TracebackType

from relay.cli.outlet import STDERR, STDOUT, write
from relay.cli.reading import masked, what
from relay.config import Settings
from relay.errors import RelayError
from relay.models import Capture, Origin
from relay.store.reader import Reader
from relay.store.selecting import fetched
from relay.text import visible

EVERY_S = 0.1
LINES_AT_ONCE = 10
"""Captures of one look that get a line each; more are one line with their number. Reading them back takes
the interpreter from those who answer: 50 of them cost a fifth of the throughput."""

UNREADABLE_S = 5.0
"""How long it leaves a log alone that could not be read."""

log = logging.getLogger("relay.follow")


class Follower:
    """Follows the log from where it stands now; a context manager, whose end prints what is left."""

    def __init__(self, settings: Settings, *, json: bool) -> None:
        self._settings = settings
        self._json = json
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def __enter__(self) -> Follower:
        self._reader = Reader(self._settings.db)
        self._last = self._reader.newest_id()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=1.0)  # A terminal that stands still does not hold up the end.

    def _run(self) -> None:
        with suppress(OSError):  # Nobody reads any more, or nothing can be written; the engine goes on.
            self._follow()
        self._reader.close()

    def _follow(self) -> None:
        seen = -1
        stopping = False
        while not stopping:
            stopping = self._stop.wait(EVERY_S)
            try:
                version = self._reader.data_version()
                if version != seen:
                    self._print_new()
                    seen = version
            except RelayError as error:  # Locked for long, or damaged: the engine says so where it matters.
                log.warning("cannot show what comes: %s", error)
                stopping = stopping or self._stop.wait(UNREADABLE_S)

    def _print_new(self) -> None:
        newest = self._reader.newest_id()
        skipped = 0 if self._json else newest - self._last - LINES_AT_ONCE
        if skipped > 0:
            write(STDERR, f"... {skipped} more captures; `lean-relay list` shows them\n")
            self._last += skipped
        for capture in fetched(self._reader, range(self._last + 1, newest + 1)):
            if self._json:
                shown = masked(capture, self._settings, reveal=False)
                write(STDOUT, json.dumps(shown.as_json()) + "\n")
            else:
                write(STDERR, f"{capture_line(capture)}\n")
            self._last = capture.id
        self._last = newest


def capture_line(capture: Capture) -> str:
    """`12 payment.updated valid`: what came, whether its signature holds, and what is unusual about it."""
    words = [str(capture.id), what(capture), capture.signature]
    if capture.origin == Origin.SAMPLE:
        words.append("sample")
    if capture.repeat_of is not None:
        words.append(f"repeat of {capture.repeat_of}")
    if capture.answer.on_purpose:
        words.append(f"answered {capture.answer.status}: {visible(capture.answer.on_purpose)}")
    return " ".join(words)
