"""One capture compared with its partners, one after the other, and a search that is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from relay.config import Settings
from relay.errors import NotFound, RelayError
from relay.models import Capture
from relay.store.read.partners import Partner, partners
from relay.store.read.reader import Reader
from tests.support.factories import BODY, a_capture, insert_all, new_log
from tui.gateway import comparison_task
from tui.gateway.comparison_task import ComparisonTask


def a_task(folder: Path, count: int, a: int, b: int | None = None) -> ComparisonTask:
    """A task on captures of one payment."""
    log = new_log(folder / "relay.db")
    insert_all(
        log, (a_capture(number, body=BODY.replace(b"100", b"%d" % number)) for number in range(1, count + 1))
    )
    log.close()
    return ComparisonTask(Settings(db=folder / "relay.db"), a, b)


async def sides(task: ComparisonTask, by: int = 1) -> tuple[int, int, str]:
    found = await task.comparison(by)
    return found.a.id, found.b.id, found.relation


async def test_around_all_partners(tmp_path: Path) -> None:
    """The nearest first; after the last comes the first, and back; the older one is on the left."""
    task = a_task(tmp_path, 4, 3)
    assert await sides(task) == (2, 3, "the one before of the same payment")
    assert await sides(task) == (1, 3, "an earlier one of the same payment")
    assert await sides(task) == (3, 4, "the next one of the same payment")
    assert (await sides(task))[:2] == (2, 3)
    assert (await sides(task, -1))[:2] == (3, 4)
    task.close()


async def test_two_that_were_chosen(tmp_path: Path) -> None:
    """They are compared first, then the second one with its partners, each once."""
    task = a_task(tmp_path, 3, 1, 3)
    assert await sides(task) == (1, 3, "as marked")
    assert await sides(task) == (2, 3, "the one before of the same payment")
    assert await sides(task) == (1, 3, "as marked")
    task.close()


async def test_none(tmp_path: Path) -> None:
    """Without a partner it says what to do, and so for a capture that is gone."""
    task = a_task(tmp_path, 1, 1)
    with pytest.raises(
        NotFound, match="no other capture has an id, the event or the type of capture 1; mark two"
    ):
        await task.comparison()
    with pytest.raises(NotFound, match="capture 7 no longer exists"):
        await ComparisonTask(Settings(db=tmp_path / "relay.db"), 7, None).comparison()


async def test_a_partner_that_is_deleted(tmp_path: Path) -> None:
    """That is said once; the next turn goes on with another one."""
    task = a_task(tmp_path, 4, 3)
    assert (await sides(task))[:2] == (2, 3)
    assert (await sides(task))[:2] == (1, 3)
    with closing(new_log(tmp_path / "relay.db")) as log:
        log.execute("DELETE FROM captures WHERE id = 2")
    with pytest.raises(NotFound, match="capture 2 no longer exists"):
        await task.comparison(-1)
    assert (await sides(task, -1))[:2] == (1, 3)
    assert (await sides(task))[:2] == (3, 4)
    task.close()


async def test_backwards_at_first(tmp_path: Path) -> None:
    """Before any partner is known, the previous one is searched for too."""
    task = a_task(tmp_path, 2, 2)
    assert (await sides(task, -1))[:2] == (1, 2)
    task.close()


async def test_stopped_and_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that is stopped keeps the partner; the next one begins again and finds all."""
    searching, stopped, find = Event(), Event(), partners

    def slow(reader: Reader, capture: Capture, report: Callable[[int], None]) -> Iterator[Partner]:
        if not stopped.is_set():
            yield from list(find(reader, capture, report))[:1]
            searching.set()
            stopped.wait(30)
            report(1)
        yield from find(reader, capture, report)

    monkeypatch.setattr(comparison_task, "partners", slow)
    task = a_task(tmp_path, 3, 3)
    assert (await sides(task))[:2] == (2, 3)
    turning = asyncio.ensure_future(task.comparison())
    await asyncio.to_thread(searching.wait, 30)
    assert not task.is_over
    task.stop()
    stopped.set()
    with pytest.raises(RelayError) as raised:
        await turning
    assert raised.value.word == "stopped"
    assert (await sides(task))[:2] == (1, 3)
    task.close()
