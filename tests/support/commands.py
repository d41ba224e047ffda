"""Commands in this process, on a database of the test, and what they print as JSON."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.cli import run
from tests.support.factories import new_log

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "relay.db"


@pytest.fixture
def log(path: Path) -> Iterator[sqlite3.Connection]:
    connection = new_log(path)
    yield connection
    connection.close()


@pytest.fixture
def relay(log: sqlite3.Connection, path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the log; gives exit code, stdout and stderr."""

    def call(*words: str) -> tuple[int, str, str]:
        code = run(["--db", str(path), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def ids(text: str) -> list[int]:
    lines = map(json.loads, text.splitlines())
    return [line["id"] for line in lines if line["kind"] != "error"]


def body_of(line: dict[str, Any]) -> bytes:
    """The body of a capture's JSON, however it is written there."""
    text = line["body"]
    return base64.b64decode(line["body_base64"]) if text is None else text.encode()
