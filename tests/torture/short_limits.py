"""The program with its deadlines for callers cut to a second or two, so that a test can watch them pass."""

from __future__ import annotations

import sys
from functools import partial

import relay.engine.receiver
import relay.receiver.handshakes
from relay.cli import run
from relay.receiver.limits import ReceiverLimits

HEAD_S = 1.0
BODY_S = 2.0
IDLE_S = 2.0
HANDSHAKE_S = 1.0

if __name__ == "__main__":
    short = partial(ReceiverLimits, head_s=HEAD_S, body_s=BODY_S, body_grace_s=1.0, idle_s=IDLE_S)
    setattr(relay.engine.receiver, "ReceiverLimits", short)  # noqa: B010 - mypy forbids assigning to a class's name
    relay.receiver.handshakes.HANDSHAKE_WITHIN_S = HANDSHAKE_S
    sys.exit(run(sys.argv[1:]))
