"""A window of ids is searched in parts, on several connections, as if by one."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Event, Thread, current_thread

import pytest

from relay.store.read import connections
from relay.store.read.connections import Connections
from relay.store.read.opening import open_reader
from relay.store.read.processors import Processors
from relay.store.read.reader import Reader
from tests.support.factories import a_capture, insert_all, new_log

IDS = range(1, 104)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "relay.db"
    with closing(new_log(path)) as log:
        insert_all(log, (a_capture(number) for number in IDS))
    return path


@pytest.fixture
def several(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connections]:
    monkeypatch.setattr(Processors, "idle", lambda self: 3)
    monkeypatch.setattr(connections, "SPLIT_FROM", 10)
    with closing(Connections(path, 1.0)) as several:
        yield several


def window(
    several: Connections, condition: str, low: int, high: int, *, newest_first: bool = False
) -> list[int]:
    order = "DESC" if newest_first else "ASC"
    sql = f"SELECT id FROM captures WHERE id BETWEEN :low AND :high AND {condition} ORDER BY id {order}"
    return [row[0] for row in several.window(sql, {}, low, high, newest_first=newest_first)]


@pytest.mark.parametrize(("low", "high"), [(1, 103), (1, 1), (5, 14), (5, 13), (90, 200), (200, 300)])
def test_parts_make_a_whole(several: Connections, low: int, high: int) -> None:
    """In either order, for windows of any size."""
    wanted = [number for number in IDS if low <= number <= high and number % 2]
    assert window(several, "id % 2", low, high) == wanted
    assert window(several, "id % 2", low, high, newest_first=True) == wanted[::-1]


def test_functions_are_on_all_connections(several: Connections) -> None:
    """Whether registered before the others were opened or after; and a removed one is on none."""
    odd = several.add_function(1, lambda number: number % 2)
    assert window(several, f"{odd}(id)", 1, 103) == list(IDS[::2])
    even = several.add_function(1, lambda number: not number % 2)
    assert window(several, f"{even}(id)", 1, 103) == list(IDS[1::2])
    several.remove_function(odd, 1)
    for low, high in ((1, 5), (1, 103)):
        with pytest.raises(sqlite3.OperationalError, match="function"):
            window(several, f"{odd}(id)", low, high)


def test_a_statement_that_calls_python_often_is_not_split(several: Connections) -> None:
    """Threads would wait for each other; one that calls it for few rows is split again."""
    threads: set[str] = set()

    def see(number: int) -> bool:
        threads.add(current_thread().name)
        return bool(number)

    everywhere = several.add_function(1, see)
    for newest_first in (False, True):
        assert window(several, f"{everywhere}(id)", 1, 5, newest_first=newest_first)
        assert len(window(several, f"{everywhere}(id)", 1, 103, newest_first=newest_first)) == len(IDS)
    assert threads == {current_thread().name}
    barrier = Barrier(2)
    rarely = several.add_function(1, lambda number: barrier.wait(10) >= 0)
    condition = f"id IN (1, 60) AND {rarely}(id)"
    assert window(several, condition, 6, 9) == []
    assert window(several, condition, 1, 103) == [1, 60]


def test_an_error_in_one_part_is_raised(several: Connections) -> None:
    """As it would be without parts."""

    def fail_at_70(number: int) -> bool:
        return 1 / (number - 70) > 0

    name = several.add_function(1, fail_at_70)
    with pytest.raises(sqlite3.OperationalError, match="user-defined function raised exception"):
        window(several, f"{name}(id)", 1, 103)
    assert window(several, "id > 100", 1, 103) == [101, 102, 103]


def test_an_interruption_ends_every_part(several: Connections) -> None:
    """No thread goes on to another part."""
    begun, go_on = Event(), Event()
    seen: list[int] = []

    def see(number: int) -> bool:
        seen.append(number)
        begun.set()
        return go_on.wait(10)

    name = several.add_function(1, see)
    ended: list[BaseException] = []

    def search() -> None:
        try:
            window(several, f"{name}(id)", 1, 103)
        except sqlite3.OperationalError as error:
            ended.append(error)

    thread = Thread(target=search)
    thread.start()
    assert begun.wait(10)
    several.interrupt()
    go_on.set()
    thread.join(10)
    assert [str(error) for error in ended] == ["interrupted"]
    assert len(seen) <= 3 * 9  # A thread that was about to begin a part of nine still searches it.
    several.close()
    several.interrupt()


def test_a_file_that_was_replaced_is_not_mixed_in(path: Path, several: Connections) -> None:
    """Once another database is at the path, the search stays on the connection to the first."""
    for file in list(path.parent.iterdir()):
        file.rename(file.with_name(f"moved-{file.name}"))
    with closing(new_log(path)) as log:
        insert_all(log, (a_capture(number) for number in range(1000, 1100)))
    assert window(several, "1", 1, 2000) == list(IDS)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own handler, as a command has it; a test run in the background inherits another."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_while_sql_calls_python(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the search as what it is, not as an error of the database."""
    monkeypatch.setattr(Processors, "idle", lambda self: 3)
    monkeypatch.setattr(connections, "SPLIT_FROM", 10)

    def press_at_70(number: int) -> bool:
        if number == 70:
            signal.raise_signal(signal.SIGINT)
        return True

    with Reader(path) as reader:
        condition = f"{reader.add_function(1, press_at_70)}(id)"
        for low, high in ((1, 103), (69, 71)):
            with pytest.raises(KeyboardInterrupt):
                reader.ids_in_window(condition, {}, low, high, newest_first=True)
        assert reader.ids_in_window(condition, {}, 71, 103, newest_first=False) == list(range(71, 104))


def test_parts_are_of_one_file(several: Connections, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one that comes to the path just before a connection is opened is not searched."""
    new = path.with_suffix(".new")
    with closing(new_log(new)) as log:
        insert_all(log, (a_capture(number) for number in range(1, 301)))

    def then_open(where: Path, wait_s: float) -> sqlite3.Connection:
        if new.exists():
            for side in ("-wal", "-shm"):
                where.with_name(where.name + side).unlink(missing_ok=True)
            new.rename(where)
        return open_reader(where, wait_s)

    monkeypatch.setattr(connections, "open_reader", then_open)
    assert window(several, "TRUE", 1, 300) == list(IDS)
    assert not new.exists()


def test_a_connection_that_cannot_be_opened_is_not_needed(
    several: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the process has no descriptor left: those that are open search everything."""

    def fails(*_: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(connections, "open_reader", fails)
    assert window(several, "TRUE", 1, 103) == list(IDS)


def test_an_interruption_while_connections_are_opened(
    several: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing more is searched."""

    def then_open(where: Path, wait_s: float) -> sqlite3.Connection:
        several.interrupt()
        return open_reader(where, wait_s)

    monkeypatch.setattr(connections, "open_reader", then_open)
    assert window(several, "TRUE", 1, 103) == []


def test_no_thread_outlives_its_search(several: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends it: a thread would go on with a connection that is closed next."""
    searching, ends = Event(), Event()
    threads: list[Thread] = []

    class Waited(Thread):
        def start(self) -> None:
            threads.append(self)
            super().start()

        def join(self, timeout: float | None = None) -> None:
            ends.set()
            super().join(timeout)

    class Pressed:
        def execute(self, *_: object) -> None:
            searching.wait(60)
            raise KeyboardInterrupt

    def search(number: int) -> bool:
        searching.set()
        return ends.wait(60)

    name = several.add_function(1, search)
    several._open_upto(3)
    first = several._open[0]
    several._open[0] = Pressed()  # type: ignore[call-overload]
    monkeypatch.setattr(connections, "Thread", Waited)
    try:
        with pytest.raises(KeyboardInterrupt):
            window(several, f"{name}(id)", 1, 103)
        assert threads
        assert not any(thread.is_alive() for thread in threads)
    finally:
        ends.set()
        for thread in threads:
            thread.join()
        several._open[0] = first
