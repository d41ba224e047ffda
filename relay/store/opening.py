"""Opens a database file with SQLite: the only place that connects to a path.

Must stay cheap to import, as every reading command imports it.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote


def open_database(
    path: Path, mode: str, *, timeout_s: float = 2.0, cached_statements: int = 128
) -> sqlite3.Connection:
    """A connection in autocommit mode that threads may share.

    Args:
        mode: `ro` or `rw`, which never create the file; further parameters of the URI may follow.
        timeout_s: how long to wait for a lock.

    Raises:
        sqlite3.Error: SQLite's own error.
    """
    # An absolute path after an empty authority: `file:` alone would read `//tmp` as the host tmp. As bytes,
    # because a name need not be UTF-8 (sqlite.org/uri.html).
    name = quote(os.fsencode(os.path.abspath(path)))
    return sqlite3.connect(
        f"file://{name}?mode={mode}",
        uri=True,
        timeout=timeout_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=cached_statements,
    )
