"""The program that kills itself at a step of a delivery: `dies_at.py STEP TIMES ARGUMENT...`.

SIGKILL, so that nothing gets to tidy up. Only what runs in the engine's own process is wrapped.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import relay.delivery.forwarder
import relay.delivery.http.connection
import relay.delivery.http.sender
import relay.delivery.target_queue
from relay.cli import run

STEPS: dict[str, tuple[object, str, bool]] = {
    "before its turn": (relay.delivery.target_queue.TargetQueue, "_next", False),
    "its turn": (relay.delivery.target_queue.TargetQueue, "_next", True),
    "before connecting": (relay.delivery.http.sender, "connect", False),
    "connected": (relay.delivery.http.sender, "connect", True),
    "before the request": (relay.delivery.http.sender, "_exchange", False),
    "request written": (relay.delivery.http.connection.Connection, "write", True),
    "answered": (relay.delivery.http.sender, "_exchange", True),
    "before the record": (relay.delivery.target_queue.TargetQueue, "_record", False),
    "recorded": (relay.delivery.target_queue.TargetQueue, "_record", True),
    "before it is given back": (relay.delivery.target_queue.TargetQueue, "_set_down", False),
    "given back": (relay.delivery.target_queue.TargetQueue, "_set_down", True),
}
"""The function that is wrapped, and whether death comes after it, not before."""

DOWN = ("before it is given back", "given back")
"""Steps that are only come to where the backend is down, and then once: it is tried no more."""


def die_at(step: str, times: int) -> None:
    """Have the process die when it comes to a step for the given time since the first capture."""
    owner, name, after = STEPS[step]
    if name == "connect":
        relay.delivery.http.sender.MOST_IDLE = 0  # Each attempt makes its own connection.
    whole = getattr(owner, name)
    notice = relay.delivery.forwarder.Forwarder.notice
    begun = False
    left = times

    def first_capture(forwarder: relay.delivery.forwarder.Forwarder) -> None:
        nonlocal begun
        begun = True
        notice(forwarder)

    def count() -> None:
        nonlocal left
        left -= begun
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(whole)
    async def waits(*arguments: Any, **named: Any) -> Any:
        if not after:
            count()
        result = await whole(*arguments, **named)
        if after:
            count()
        return result

    @functools.wraps(whole)
    def acts(*arguments: Any, **named: Any) -> Any:
        whole(*arguments, **named)
        count()

    wrapped: Callable[..., Any] = acts if step == "request written" else waits
    setattr(owner, name, wrapped)
    setattr(relay.delivery.forwarder.Forwarder, "notice", first_capture)  # noqa: B010 - mypy forbids assigning to a method


if __name__ == "__main__":
    die_at(sys.argv[1], int(sys.argv[2]))
    sys.exit(run(sys.argv[3:]))
