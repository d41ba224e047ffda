"""`replay` in this process, on a database of three captures, to a backend that responds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from relay.lean.signature import sign
from tests.support.backends import Backend, answers, backend
from tests.support.factories import BODY, a_capture, insert_all, new_log
from tests.support.lean_requests import SECRET
from tests.support.program import lean_relay_here
from tests.support.receiving import rows

LINE = "1 payment.updated -> 200 in "


def command(folder: Path, *arguments: str, code: int = 0, **env: str) -> str:
    """Run a command on the folder's database; what it prints, and after that its stderr."""
    done = lean_relay_here(folder, *arguments, "--db", str(folder / "relay.db"), env=env)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a log of three captures, and no engine on it."""
    headers = (
        ("Host", "relay"),
        ("Authorization", "Bearer x"),
        ("lean-signature", sign(BODY, SECRET.encode())),
    )
    with closing(new_log(tmp_path / "relay.db")) as log:
        insert_all(log, (a_capture(number, headers=headers) for number in (1, 2, 3)))
    (tmp_path / "relay.db").chmod(0o600)
    return tmp_path


@pytest.fixture
def there() -> Iterator[Backend]:
    with backend(answers()) as made:
        yield made


def attempts(folder: Path) -> list[tuple[Any, ...]]:
    return rows(folder / "relay.db", "SELECT outcome, status, sent_body FROM attempts ORDER BY id")
