"""The program with another module as its writing process: the first argument names it."""

from __future__ import annotations

import sys

from relay.cli import run
from relay.store.write import lifetime

if __name__ == "__main__":
    setattr(lifetime, "PROGRAM", sys.argv[1])  # noqa: B010 - mypy forbids assigning to a constant
    sys.exit(run(sys.argv[2:]))
