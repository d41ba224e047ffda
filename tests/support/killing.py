"""A command that is killed in the middle, and how far it came."""

from __future__ import annotations

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
    if not db.exists():
        return 0
    try:
        return int(rows(db, "SELECT count(*) FROM captures")[0][0])
    except Exception:  # Its tables are being made.
        return 0
