"""An empty database in the default place, and the working folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.empty_database import empty_database


@pytest.fixture
def home() -> Path:
    """The working folder, which is empty."""
    return Path.cwd()


@pytest.fixture
def db() -> Path:
    """An empty database as an engine would have made it."""
    return empty_database()
