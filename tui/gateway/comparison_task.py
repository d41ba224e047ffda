"""Compare a capture with others, in a thread that can be stopped; searches and large bodies take time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from threading import Lock

from relay.analysis.diff import Difference, compared
from relay.analysis.shape import judge
from relay.config import Settings
from relay.errors import NotFound
from relay.models import Capture
from relay.store.read.journeys import stopped
from relay.store.read.partners import Partner, partners
from relay.store.read.reader import Reader
from relay.text.decoding import encoding_of
from tui.presenters.comparison import Comparison

MOST_FIELDS = 5_000
"""Most fields shown; those that differ come first."""

LARGEST_JUDGED = 256 * 1024
"""Bytes of a body that is compared with Lean's documentation too, which takes some 10 ms."""

MARKED = "as marked"
"""The relation of two captures that were chosen."""


class ComparisonTask:
    """Compares one capture with its partners, one at a time; `close` it."""

    def __init__(self, settings: Settings, a: int, b: int | None) -> None:
        """
        Args:
            b: the one to compare; None for `a`, with the partner that tells most.
        """
        self._settings = settings
        self._number = a if b is None else b
        self._partners: list[tuple[int, str]] = [] if b is None else [(a, MARKED)]
        """Those that were found, with their relation."""
        self._at = -1
        """The partner that is compared; -1 before the first."""
        self._one = Lock()
        self._reader: Reader | None = None
        self._search: Iterator[Partner] | None = None
        """Finds further partners with the reader, from where it is."""
        self._stops = self._stops_then = 0
        """How often `stop` was called; and when the search that runs was asked for."""
        self._is_closed = False
        self.passed = 0
        """Captures that the search for a partner has passed."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is read."""
        return not self._one.locked()

    async def comparison(self, by: int = 1) -> Comparison:
        """Compare with the next partner field by field; after the last comes the first.

        Args:
            by: -1 for the previous partner.

        Raises:
            RelayError: a capture does not exist, there is no partner, the database cannot be read, or it was
                `stopped`; then the partner stays.
        """
        return await asyncio.to_thread(self._turn, by, self._stops)

    def stop(self) -> None:
        """Stop within some milliseconds; also what waits for its turn."""
        self._stops += 1
        if (reader := self._reader) is not None:
            reader.interrupt()

    def close(self) -> None:
        """Stop, and close the database."""
        self._is_closed = True
        self.stop()
        if self._one.acquire(blocking=False):
            self._close_reader()
            self._one.release()

    def _turn(self, by: int, stops: int) -> Comparison:
        try:
            with self._one:
                try:
                    return self._compare(by, stops)
                except BaseException:
                    self._close_reader()  # An interrupted search has ended; the next begins again.
                    raise
        finally:
            if self._is_closed:  # While this had its turn, so that it could not be closed.
                self.close()

    def _compare(self, by: int, stops: int) -> Comparison:
        if self._stops != stops:
            raise stopped()
        reader = self._reader = self._reader or Reader(self._settings.db)
        base = _there(reader, self._number)
        place = self._at + by
        if not self._partners or place >= len(self._partners):
            self._find(reader, base, stops)
        if not self._partners:
            raise NotFound(
                f"no other capture has an id, the event or the type of capture {base.id}; mark two captures "
                "to compare them"
            )
        place %= len(self._partners)
        number, relation = self._partners[place]
        try:
            partner = _there(reader, number)
        except NotFound:
            # The next turn goes on with another one.
            del self._partners[place]
            self._at -= place <= self._at
            raise
        found = comparison(self._settings, base, partner, relation)
        self._at = place
        return found

    def _find(self, reader: Reader, base: Capture, stops: int) -> None:
        """Add the next partner, if there is one."""
        self.passed, self._stops_then = 0, stops
        if self._search is None:
            self._search = partners(reader, base, self._on_progress)
        known = {number for number, _ in self._partners}
        for partner in self._search:
            if partner.capture_id not in known:
                self._partners.append((partner.capture_id, partner.words))
                return

    def _on_progress(self, passed: int) -> None:
        self.passed = passed
        if self._stops != self._stops_then:
            raise stopped()

    def _close_reader(self) -> None:
        reader, self._reader, self._search = self._reader, None, None
        if reader is not None:
            reader.close()


def comparison(settings: Settings, base: Capture, partner: Capture, relation: str) -> Comparison:
    """Compare two captures field by field, with secret headers masked, the older one on the left."""
    a, b = sorted((base, partner), key=lambda capture: capture.id)
    fields = compared(a, b)
    found = list(islice(fields, MOST_FIELDS))

    def masked(differs: bool) -> tuple[Difference, ...]:
        # Compared before they are masked: two secrets of one length have the same mask.
        return tuple(each.masked(settings.mask_headers) for each in found if each.differs is differs)

    return Comparison(
        a=_bare(a),
        b=_bare(b),
        subject=base.id,
        relation=relation,
        differing=masked(True),
        same=masked(False),
        left_out=sum(1 for _ in fields),
        notes={capture.id: _notes(capture) for capture in (a, b)},
    )


def _notes(capture: Capture) -> dict[str, str]:
    """Field of the body -> how its value differs from Lean's documentation."""
    if len(capture.body) > LARGEST_JUDGED:
        return {}
    found = judge(capture.body, encoding_of(capture.headers)).differences
    return {f"body {each.path}": each.words_without_value for each in found}


def _there(reader: Reader, number: int) -> Capture:
    capture = reader.capture(number)
    if capture is None:
        raise NotFound(f"capture {number} no longer exists")
    return capture


def _bare(capture: Capture) -> Capture:
    return replace(capture, body=b"", headers=())
