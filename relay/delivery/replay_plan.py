"""A replay before it runs: its captures, targets, edits, order and pace."""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from relay.delivery.http.request import Destination
from relay.models import Capture


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """Everything that a run needs to know."""

    ids: Sequence[int]
    """Ids of the captures, in the order in which they are sent."""
    destinations: Mapping[str, Destination]
    """By the targets' names, as deliveries have them."""
    targets_of: Callable[[Capture], Sequence[str]]
    """Returns the targets of a capture."""
    prepare: Callable[[Capture], Capture] | None = None
    """Returns the edited capture, or raises `ValueError`; None where nothing is edited."""
    times: int = 1
    """Rounds through all captures."""
    shuffle: int | None = None
    """Seeds the order of each round; None for the order of `ids`."""
    concurrency: int = 1
    rate: float | None = None
    """Most deliveries that begin in a second; None for no limit."""
    original: bool = False
    """Captures are sent as far apart as they were received."""
    until_delivered: bool = False
    """A delivery is retried until its verdict is `delivered`."""
    retries: float | None = None
    """A delivery is retried on Lean's schedule, its minutes times this; None for not."""
    pin: bool = False
    """Each response becomes the baseline of its capture and target."""
    timeout_s: float = 300.0
    instance: str
    """Names this engine in `X-Lean-Relay`."""
    is_busy: Callable[[], bool] = lambda: False
    """Whether webhooks are arriving now."""

    @property
    def is_retried(self) -> bool:
        return self.until_delivered or self.retries is not None

    @property
    def total(self) -> int:
        """Number of deliveries if each capture goes to each target."""
        return len(self.ids) * self.times * len(self.destinations)


class Pace:
    """Decides when the next delivery may begin; a late delivery does not delay later ones."""

    def __init__(self, plan: ReplayPlan) -> None:
        self._gap_s = 0.0 if plan.rate is None else 1 / plan.rate
        self._original = plan.original
        self._due: float | None = None
        self._before: Capture | None = None

    async def wait_for(self, capture: Capture) -> None:
        gap_s = self._gap_s
        if self._original and self._before is not None:
            gap_s = max(0.0, (capture.came_at - self._before.came_at).total_seconds())
        self._before = capture
        self._due = monotonic() if self._due is None else self._due + gap_s
        if (left_s := self._due - monotonic()) > 0:
            await asyncio.sleep(left_s)


def rounds(ids: Sequence[int], times: int, shuffle: int | None) -> Iterator[int]:
    """The captures' ids in the order in which they are sent, round after round.

    Args:
        shuffle: seeds a random order; None for the order of `ids`.
    """
    chance = random.Random(shuffle)  # noqa: S311 - the same seed must produce the same order
    for _ in range(times):
        order = ids
        if shuffle is not None:
            order = array("q", ids)
            chance.shuffle(order)
        yield from order
