"""The program without the short way of plain requests, to measure what that saves.

No setting for users: both ways do the same.
"""

from __future__ import annotations

import sys

from relay.cli import run
from relay.receiver.connection import Connection
from relay.receiver.connections import Connections


def connection(listener: Connections, tls: str | None = None) -> Connection:
    return Connection(listener, tls)


if __name__ == "__main__":
    setattr(Connections, "connection", connection)  # noqa: B010 - mypy forbids assigning to a method
    sys.exit(run(sys.argv[1:]))
