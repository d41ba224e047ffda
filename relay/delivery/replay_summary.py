"""The progress of a replay in words, for commands and screens. Pure."""

from __future__ import annotations

from relay.control.messages import ReplayStatus
from relay.text.safe import visible
from relay.text.units import format_deliveries


def summary(replay: ReplayStatus) -> str:
    """`40 deliveries in 1.2 s: 38 delivered, 2 not`, and what was not sent; safe to show."""
    words = [f"{replay.delivered} delivered"]
    if replay.failed:
        words.append(f"{replay.failed} not")
    if replay.skipped:
        words.append(f"{replay.skipped} that no target takes")
    if replay.left:
        words.append(f"{replay.left} left")
    return f"{format_deliveries(replay.total)} in {replay.elapsed_s:.1f} s: {', '.join(words)}"


def started_by(replay: ReplayStatus) -> str:
    """`3, from a command`, for a replay that may have been started elsewhere; safe to show."""
    return f"{replay.run}, from a {visible(replay.by)}"
