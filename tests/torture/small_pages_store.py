"""The writing process on a database that may only grow to a number of pages, read from a file.

Stands for a disk of bounded size where none can be mounted.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from relay.store.write import process


class Bounded(sqlite3.Connection):
    """A connection that asks for the limit before each statement that adds to the database."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql.startswith(("INSERT", "BEGIN")):
            limit = Path(os.environ["PAGE_LIMIT_FILE"]).read_text()
            super().execute(f"PRAGMA max_page_count = {int(limit)}")
        return super().execute(sql, parameters)


_connect = sqlite3.connect


def _bounded(*arguments: Any, **options: Any) -> sqlite3.Connection:
    return _connect(*arguments, **options, factory=Bounded)


if __name__ == "__main__":
    setattr(sqlite3, "connect", _bounded)  # noqa: B010 - mypy forbids assigning to a module's function
    process.main()
