"""Refusals: requests and connections that did not become captures.

Counts them, logs them at a limited rate, and keeps those that are still to be stored. Repeats with one reason
from one address are one entry with a count, so a flood fills neither memory, database nor terminal.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from time import monotonic, time_ns

from relay.models import RefusalEntry

log = logging.getLogger("relay.refusals")

KINDS_AT_ONCE = 1_000
"""Distinct (client, reason) pairs kept until the next write; more are counted without a client."""

SAY_EVERY_S = 1.0
"""At most one log line per reason in this time."""


class Refusals:
    """The refusals of one engine."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Reason -> number since the start."""
        self._unwritten: dict[tuple[str, str], RefusalEntry] = {}
        self._unsaid: Counter[str] = Counter()
        self._said_at: dict[str, float] = {}

    def note(self, client: str, reason: str, detail: str) -> None:
        """Count one refusal.

        Args:
            client: the peer's address, without port.
            reason: a stable word, such as `too-large`.
            detail: a sentence in our own words; never quotes a request.
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
        """Remove and return the entries to write; `put_back` them if that fails."""
        entries = list(self._unwritten.values())
        self._unwritten.clear()
        return entries

    def put_back(self, entries: Iterable[RefusalEntry]) -> None:
        """Keep entries that could not be written, merged with newer ones."""
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
