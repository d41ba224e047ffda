"""How a replay has gone, in words for commands and screens. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.text.safe import visible

Progress = Mapping[str, Any]
"""What the engine tells of a run, as `relay.delivery.replay_run.Run.progress` makes it."""


def summary(progress: Progress) -> str:
    """`sent 40: 38 delivered, 2 not`, and what was not sent; safe to show."""
    words = [f"{progress['delivered']} delivered"]
    if progress["failed"]:
        words.append(f"{progress['failed']} not")
    if progress["skipped"]:
        words.append(f"{progress['skipped']} that no target takes")
    if progress["left"]:
        words.append(f"{progress['left']} left")
    return f"{progress['total']} deliveries in {progress['elapsed_s']:.1f} s: {', '.join(words)}"


def begun_by(progress: Progress) -> str:
    """`3, from a command`: a run that somebody else may have begun; safe to show."""
    return f"{progress['run']}, from a {visible(str(progress.get('by') or 'command'))}"
