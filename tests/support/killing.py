"""A command that a test kills or ends, and how far it came."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.support.program import RELAY, Process, environment, working_folder
from tests.support.receiving import rows


def a_command(folder: Path, *arguments: str) -> Process[bytes]:
    """Start a command; the caller kills it or waits for its end."""
    return Process(
        [sys.executable, *RELAY, *arguments],
        cwd=working_folder(folder),
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def count(db: Path) -> int:
    """How many captures there are; 0 while the database is being made."""
    try:
        return int(rows(db, "SELECT count(*) FROM captures")[0][0])
    except sqlite3.OperationalError:  # It, or its tables, are being made.
        return 0
