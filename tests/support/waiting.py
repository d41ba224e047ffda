"""Waiting for a condition, never for a time; one that does not come to hold fails the test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

WITHIN_S = 60.0
"""Long: a busy machine must not fail a test."""

LOOK_EVERY_S = 0.01


async def until(holds: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """Wait until `holds()` is true, while the loop runs.

    Raises:
        AssertionError: it was not in time.
    """
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"still waiting for {what} after {within_s} s"
        await asyncio.sleep(LOOK_EVERY_S)


def wait_until(holds: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
    """The same where no loop runs."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, f"still waiting for {what} after {within_s} s"
        time.sleep(LOOK_EVERY_S)
