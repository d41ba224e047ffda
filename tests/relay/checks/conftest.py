"""An empty database in the default place, and the working folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from relay.config import default_db
from relay.store import schema


@pytest.fixture
def home() -> Path:
    """The working folder, which is empty."""
    return Path.cwd()


@pytest.fixture
def db() -> Path:
    """An empty database as an engine would have made it."""
    path = default_db()
    path.parent.mkdir(parents=True, mode=0o700)
    path.touch(0o600)
    connection = sqlite3.connect(path)
    schema.migrate(connection)
    connection.close()
    return path
