"""Requests and connections that did not become captures: counted, logged at a limited rate, and stored.

Owns the counts of this run and what waits to be written. Repeats of one kind from one address are
one entry with a count, so that a flood fills neither memory, nor the log, nor the terminal.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from time import monotonic, time_ns

from relay.models import RefusalEntry

log = logging.getLogger("relay.refusals")

KINDS_AT_ONCE = 1_000
"""Different (client, reason) pairs held until the next write; more are counted under no client."""

SAY_EVERY_S = 1.0
"""At most one line for each reason in this time."""


class Refusals:
    """The refusals of one engine."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Reason -> how many since the start."""
        self._unwritten: dict[tuple[str, str], RefusalEntry] = {}
        self._unsaid: Counter[str] = Counter()
        self._said_at: dict[str, float] = {}

    def note(self, client: str, reason: str, detail: str) -> None:
        """Count one refusal.

        Args:
            client: the peer's address without port.
            reason: a stable word, such as `too-large`.
            detail: a sentence's worth in our own words; never quotes what came in a request.
        """
        self.counts[reason] += 1
        key = (client, reason)
        entry = self._unwritten.get(key)
        if entry is None and len(self._unwritten) >= KINDS_AT_ONCE:
            key = ("", reason)
            entry = self._unwritten.get(key)
        if entry is not None:
            entry.count += 1
        else:
            self._unwritten[key] = RefusalEntry(time_ns() // 1000, key[0], reason, detail[:500])
        self._say(client, reason, detail)

    def take(self) -> list[RefusalEntry]:
        """What is to be written, which is then the caller's; `put_back` if that fails."""
        entries = list(self._unwritten.values())
        self._unwritten.clear()
        return entries

    def put_back(self, entries: Iterable[RefusalEntry]) -> None:
        """Entries that could not be written wait again, joined with what came since."""
        for entry in entries:
            newer = self._unwritten.get((entry.client, entry.reason))
            if newer is not None:
                entry.count += newer.count
            self._unwritten[entry.client, entry.reason] = entry

    @property
    def unwritten(self) -> int:
        return sum(entry.count for entry in self._unwritten.values())

    def _say(self, client: str, reason: str, detail: str) -> None:
        now = monotonic()
        if now - self._said_at.get(reason, -SAY_EVERY_S) < SAY_EVERY_S:
            self._unsaid[reason] += 1
            return
        self._said_at[reason] = now
        more = self._unsaid.pop(reason, 0)
        also = f" (and {more} more like it)" if more else ""
        log.warning("refused%s: %s, %s%s", f" {client}" if client else "", reason, detail, also)
