"""The program without the short way of plain requests, to measure what that saves.

No setting for users: both ways do the same.
"""

from __future__ import annotations

import sys

from relay.cli import run
from relay.receiver import connections
from relay.receiver.connection import Connection

if __name__ == "__main__":
    setattr(connections, "FastConnection", Connection)  # noqa: B010 - it is a class, not a variable
    sys.exit(run(sys.argv[1:]))
