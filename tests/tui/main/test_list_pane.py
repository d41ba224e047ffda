"""The list's controller, without a terminal: what is read, what is lost, order, cursor, marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.errors import RelayError
from relay.filters import parse
from relay.models import Capture, CaptureRow
from tests.support.context import FakeContext
from tests.support.factories import NOON, a_capture, insert
from tui.main.browser import Browser
from tui.main.list_pane import ListController
from tui.state.listing import Listing


class FakeList:
    """Notes what is to be drawn."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self.calls: list[str] = []

    def rows_changed(self) -> None:
        self.calls.append("rows")

    def moved(self) -> None:
        self.calls.append("moved")

    def go_to(self, y: int) -> None:
        self._listing.move_to(y)

    def focus(self) -> None:
        self.calls.append("focus")


@contextmanager
def a_list(folder: Path, captures: Sequence[Capture]) -> Iterator[tuple[FakeContext, ListController]]:
    """A list with all captures of a database."""
    with FakeContext(folder, captures) as context:
        browser = Browser(context.gateway, lambda: None)
        pane = ListController(context, browser, FakeList(browser.listing))
        yield context, pane


def ids(pane: ListController) -> list[int]:
    return list(pane.browser.listing.ids.all())


async def test_new_captures(tmp_path: Path) -> None:
    """A poll takes up what was committed since, and counts it; without a commit it does nothing."""
    with a_list(tmp_path, [a_capture(1)]) as (context, pane):
        pane.poll()
        pane.read_again()
        await context.ui.settled()
        assert (ids(pane), pane.poll()) == ([1], 0)
        insert(context.log, a_capture(2))
        insert(context.log, a_capture(3))
        assert pane.poll() == 2
        assert (ids(pane), pane.browser.total, pane.browser.is_counted) == ([1, 2, 3], 3, True)


async def test_rows_that_are_gone(tmp_path: Path) -> None:
    """A row that cannot be fetched any more leaves the list, and the rest is counted again."""
    with a_list(tmp_path, list(map(a_capture, (1, 2, 3)))) as (context, pane):
        pane.read_again()
        await context.ui.settled()
        context.log.execute("DELETE FROM captures WHERE id = 2")
        found = pane.fetch([1, 2, 3], summaries=False)
        assert found is not None
        assert list(found) == [1, 3]
        assert not pane.browser.is_counted
        await context.ui.settled()
        assert (ids(pane), pane.browser.total) == ([1, 3], 2)


async def test_unreadable_and_readable_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that cannot be read is left alone until it can be; then the list is read again."""
    with a_list(tmp_path, [a_capture(1)]) as (context, pane):

        def refused(ids: Sequence[int], *, summaries: bool) -> Mapping[int, CaptureRow]:
            raise RelayError("it is locked")

        with monkeypatch.context() as locked:
            locked.setattr(context.gateway, "rows", refused)
            assert pane.fetch([1], summaries=False) is None
        assert (pane.unreadable, pane.fetch([1], summaries=False), pane.poll()) == ("it is locked", None, 0)
        await pane.recover()
        await context.ui.settled()
        assert (pane.unreadable, ids(pane)) == (None, [1])
        assert pane.fetch([1], summaries=False)


async def test_a_database_that_was_replaced(tmp_path: Path) -> None:
    """Another file in the place of the database is read as if the screen had just been opened."""
    (tmp_path / "other").mkdir()
    with a_list(tmp_path, [a_capture(1)]) as (context, pane):
        pane.read_again()
        await context.ui.settled()
        with FakeContext(tmp_path / "other", [a_capture(1), a_capture(2)]) as other:
            other.log.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for name in ("relay.db-wal", "relay.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / "other" / "relay.db").replace(tmp_path / "relay.db")
        await pane.recover()
        await context.ui.settled()
        assert ids(pane) == [1, 2]


async def test_search(tmp_path: Path) -> None:
    """A filter narrows the list and goes on with what comes; showing all ends it."""
    with a_list(tmp_path, [a_capture(1), a_capture(2, event=None)]) as (context, pane):
        pane.read_again()
        pane.search(parse("type:payment", NOON))
        while pane.browser.is_searching or pane.browser.filter_search is None:
            await context.ui.let_run()
        assert (ids(pane), pane.filter_text, pane.has(1), pane.has(2)) == ([1], "type:payment", True, False)
        pane.show_all()
        await context.ui.settled()
        assert (ids(pane), pane.filter_text, pane.has(2)) == ([1, 2], "", True)


async def test_moving(tmp_path: Path) -> None:
    """Going to a capture ends following; following again goes to the newest; the order turns."""
    with a_list(tmp_path, list(map(a_capture, (1, 2, 3)))) as (context, pane):
        assert pane.disabled_reason("mark") == "The list is empty."
        pane.read_again()
        await context.ui.settled()
        listing = pane.browser.listing
        assert (pane.disabled_reason("mark"), pane.disabled_reason("star")) == (None, None)
        pane.go_to(2)
        assert (listing.cursor, listing.following) == (2, False)
        pane.follow()
        assert (listing.cursor, listing.following) == (3, True)
        pane.follow()
        assert not listing.following
        pane.turn()
        assert listing.newest_first
        listing.mark()
        pane.browser.clear_marks()
        assert not listing.marks
        listing.mark()
        pane.refresh(unmark=[3])
        await context.ui.settled()
        assert (listing.marks, ids(pane)) == (set(), [1, 2, 3])
