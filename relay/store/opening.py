"""Opening a database file with SQLite: the one place that makes a connection to a path.

Must stay cheap to import, for each reading command does.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote


def open_database(
    path: Path, mode: str, *, timeout_s: float = 2.0, cached_statements: int = 128
) -> sqlite3.Connection:
    """A connection that commits by itself and may go from thread to thread.

    Args:
        mode: `ro` or `rw`, never made if it is not there; further parameters of the URI may follow.
        timeout_s: how long a lock is waited for.

    Raises:
        sqlite3.Error: as SQLite says it.
    """
    # An absolute path after an empty authority: `file:` alone would read `//tmp` as the host tmp. As bytes,
    # for a name need not be UTF-8 (sqlite.org/uri.html).
    name = quote(os.fsencode(os.path.abspath(path)))
    return sqlite3.connect(
        f"file://{name}?mode={mode}",
        uri=True,
        timeout=timeout_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=cached_statements,
    )
