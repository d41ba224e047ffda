"""The trouble of the store: why it cannot write, since when, and when that is tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

from relay.store.errors import StoreUnavailable

log = logging.getLogger("relay.store")

PROBE_EVERY_S = 1.0
"""Interval between attempts to write while the store is in trouble."""


class Trouble:
    """Keeps and reports whether the store can write; belongs to the writing thread."""

    def __init__(self, report: Callable[[StoreUnavailable | None], None]) -> None:
        """
        Args:
            report: called with each failure, and with None when all is well again.
        """
        self.why: StoreUnavailable | None = None
        """The last failure; None while all is well."""
        self._report = report
        self._since = 0.0
        """`monotonic()` of the first failure of this trouble."""
        self._probe_at = 0.0
        """`monotonic()` of its next probe."""

    @property
    def probe_in_s(self) -> float:
        """Seconds until the next probe is due."""
        return max(self._probe_at - monotonic(), 0.0)

    def probed(self) -> None:
        """Note that a probe was made."""
        self._probe_at = monotonic() + PROBE_EVERY_S

    def begin(self, why: StoreUnavailable) -> StoreUnavailable:
        """Note a failure, and return it."""
        if self.why is None:
            self._since = monotonic()
            self.probed()
        if self.why is None or self.why.reason != why.reason:
            log.warning("cannot store captures: %s; answering 503 until it passes", why.detail)
        self.why = why
        self._report(why)
        return why

    def end(self) -> None:
        """Note that something was written."""
        log.warning("storing captures again after %.0f s", monotonic() - self._since)
        self.why = None
        self._report(None)
