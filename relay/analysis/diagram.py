"""A journey as a Mermaid diagram, to paste into a ticket.

Owns which characters are allowed: text from outside is reduced to letters, digits and a few signs, because
anything else could end a line or be syntax. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from relay.analysis.journey import Journey, Step
from relay.text.captures import outcome
from relay.text.units import format_duration

LONGEST = 80

GAP = timedelta(seconds=30)
"""Shorter gaps get no line of their own."""

_NOT_SAFE = re.compile(r"[^A-Za-z0-9 .,:/_()+-]")


def sequence(journey: Journey) -> Iterator[str]:
    """The lines of a sequence diagram: Lean, the relay, and each target."""
    targets: dict[str, str] = {}
    for step in journey.steps:
        for delivery in step.deliveries:
            targets.setdefault(delivery.target, f"t{len(targets) + 1}")
    yield "sequenceDiagram"
    yield "    participant lean as Lean"
    yield "    participant relay as lean-relay"
    for target, name in targets.items():
        yield f"    participant {name} as {safe(target)}"
    for step in journey.steps:
        if step.gap >= GAP:
            yield f"    Note over lean,relay: {format_duration(step.gap)} later"
        yield f"    lean->>relay: {safe(_what(step))}"
        for delivery in step.deliveries:
            yield f"    relay->>{targets[delivery.target]}: {safe(outcome(delivery))}"


def safe(text: str) -> str:
    """Text without Mermaid syntax."""
    cut = _NOT_SAFE.sub("?", text)[:LONGEST].strip()
    # A line that is the word `end` would end a block.
    return f"({cut})" if cut.lower() in ("end", "") else cut


def _what(step: Step) -> str:
    words = [step.type or "no event"]
    words += [step.status.words.replace(" -> ", " to ")] if step.status is not None else []
    if step.retry is not None and step.retry.number > 1:
        words.append("again" + (" with OTHER BYTES" if step.retry.has_other_bytes else ""))
    words += [str(step.signature)] if step.signature != "valid" else []
    return f"{' '.join(words)} ({step.capture_id}, {step.received_at:%H:%M:%S}Z)"
