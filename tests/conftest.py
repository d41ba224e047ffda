"""Keeps the machine out of the tests: no home folder, no settings above, no LEAN_ environment."""

from __future__ import annotations

import gc
import math
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.support.postgres import Postgres

# A shared machine makes any deadline a lie.
settings.register_profile("relay", deadline=None)
settings.load_profile("relay")


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Home, settings and runtime folders are new and empty, and so is the working folder."""
    machine = tmp_path_factory.mktemp("machine")
    for name in list(os.environ):
        if name.startswith(("LEAN_", "PG")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(machine / "home"))
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(machine / "home" / name.lower()))
    for name in ("home", "run", "work"):
        (machine / name).mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(machine / "run"))
    monkeypatch.chdir(machine / "work")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of this process; `new_log` makes a log of one's own in it."""
    from tests.support.postgres import programs, running_postgres

    if programs() is None:
        pytest.skip("needs PostgreSQL's programs (Debian: postgresql)")
    with running_postgres() as server:
        yield server


WHOLE_PROGRAMS = Path(__file__).parent / "system"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of `tests/system` is slow: it starts whole programs, kills and races them."""
    for item in items:
        if WHOLE_PROGRAMS in item.path.parents:
            item.add_marker(pytest.mark.slow)


def pytest_configure() -> None:
    """Undo what a shell or a container sets and programs under test inherit.

    A shell ignores SIGINT in what it runs in the background. Without byte code each worker would compile
    all tests and the whole program again: ten seconds of processor time each.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Spare the collector what lives for the whole run: that was a third of the time of a screen's tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(7_000, 10, 10)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """`-n auto` is half as many again as there are processors: a third of the time tests wait for others."""
    return math.ceil((os.cpu_count() or 1) * 1.5)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update` accepts the screen as it looks now: see `tests/tui/test_snapshots.py`."""
    parser.addoption("--update", action="store_true", help="write the pictures of the screen again")
