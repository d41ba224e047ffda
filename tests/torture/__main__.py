"""`make torture`: several tests at once, those that measure time last and alone, one closing line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

from tests.torture.rows import ALSO

AT_ONCE = 3
"""Processes that run tests: much of the time a test waits, for deadlines and for what it has started."""

HERE = Path(__file__).parent

if __name__ == "__main__":
    also = [file for files in ALSO.values() for file in files]
    options = ["-n", str(AT_ONCE), "--dist", "load", "--maxschedchunk", "1", *sys.argv[1:]]
    with NamedTemporaryFile(prefix="torture-") as lock:
        os.environ["TORTURE_LOCK"] = lock.name
        sys.exit(pytest.main([*options, str(HERE), *also]))
