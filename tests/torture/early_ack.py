"""The program with a planted fault: each capture is answered before its commit.

For the control of the kill test alone. A test that cannot tell this from the real program
proves nothing.
"""

from __future__ import annotations

import asyncio
import sys

from relay.cli import run
from relay.store.columns import Row
from relay.store.write.client import Writer

_add = Writer.add

EARLY_S = 0.02
"""How long before it is handed to the store."""


def _answer_first(self: Writer, row: Row, targets: tuple[str, ...] = ()) -> asyncio.Future[int]:
    loop = asyncio.get_running_loop()
    loop.call_later(EARLY_S, _add, self, row, targets)
    early: asyncio.Future[int] = loop.create_future()
    early.set_result(0)
    return early


if __name__ == "__main__":
    setattr(Writer, "add", _answer_first)  # noqa: B010 - mypy forbids assigning to a method
    sys.exit(run(sys.argv[1:]))
