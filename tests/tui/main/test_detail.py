"""The detail's controller, without a terminal: which capture is read, and when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.errors import RelayError
from tests.support.context import FakeContext
from tests.support.factories import a_capture
from tui.main import detail
from tui.main.detail import DetailController
from tui.presenters.blocks import CaptureDetail


class FakeDetail:
    """Notes what is shown."""

    def __init__(self) -> None:
        self.shown: list[CaptureDetail | None] = []

    @property
    def current(self) -> CaptureDetail | None:
        return self.shown[-1] if self.shown else None

    def show(self, detail: CaptureDetail | None) -> None:
        self.shown.append(detail)

    @property
    def ids(self) -> list[int | None]:
        """Ids of what was shown."""
        return [None if detail is None else detail.capture.id for detail in self.shown]


async def test_only_where_the_cursor_rests(tmp_path: Path) -> None:
    """Rows that the cursor passes are not read, and the same row is not read twice."""
    with FakeContext(tmp_path, map(a_capture, (1, 2, 3))) as context:
        view = FakeDetail()
        controller = DetailController(context, view, lambda: False)
        for number in (1, 2, 3):
            controller.show(context.row(number))
        await context.ui.settled()
        assert view.ids == [3]
        controller.show(context.row(3))
        await context.ui.settled()
        assert view.ids == [3]
        context.log.execute("INSERT INTO notes(capture_id, text) VALUES (3, 'x')")
        controller.show(context.row(3))
        await context.ui.settled()
        assert view.ids == [3, 3]
        controller.show(None)
        await context.ui.settled()
        assert view.ids == [3, 3, None]


async def test_the_newest_is_read_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the list follows, captures that come within one pause are one read."""
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)

    with FakeContext(tmp_path, map(a_capture, (1, 2))) as context:
        controller = DetailController(context, FakeDetail(), lambda: True)
        monkeypatch.setattr(asyncio, "sleep", noted)
        for number in (1, 2):
            controller.show(context.row(number))
            await context.ui.settled()
        assert waits[0] == detail.DETAIL_AFTER_S
        assert detail.DETAIL_AFTER_S < waits[1] <= detail.DETAIL_EVERY_S


async def test_a_large_body_is_shown_before_it_is_analysed(tmp_path: Path) -> None:
    """An analysis that takes long comes as a second step; until then there is no next difference."""
    body = b'{"a":"' + b"x" * (4 << 20) + b'"}'
    with FakeContext(tmp_path, [a_capture(1, body=body)]) as context:
        view = FakeDetail()
        controller = DetailController(context, view, lambda: False)
        controller.show(context.row(1))
        await context.ui.settled()
        first, second = view.shown
        assert first is not None
        assert second is not None
        assert (first.analysis, second.analysis is None) == (None, False)
        view.shown = [first]
        assert "still being compared" in (controller.disabled_reason("next_difference") or "")


async def test_disabled_reason(tmp_path: Path) -> None:
    """There is a next difference where the capture in the detail has one."""
    odd = a_capture(2, body=b'{"type":"payment.updated","payload":{"id":7}}')
    with FakeContext(tmp_path, [a_capture(1, event=None, body=b"plain"), odd]) as context:
        view = FakeDetail()
        controller = DetailController(context, view, lambda: False)
        assert "No capture" in (controller.disabled_reason("next_difference") or "")
        assert controller.disabled_reason("star") is None
        for number, reason in ((1, "No differences"), (2, None)):
            controller.show(context.row(number))
            await context.ui.settled()
            given = controller.disabled_reason("next_difference")
            assert given is None if reason is None else reason in (given or "")


async def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that cannot be read is reported to the screen, and the detail stays until it can be."""
    error = RelayError("no")

    async def refused(number: int) -> CaptureDetail | None:
        raise error

    with FakeContext(tmp_path, [a_capture(1), a_capture(2)]) as context:
        view = FakeDetail()
        controller = DetailController(context, view, lambda: False)
        controller.show(context.row(1))
        await context.ui.settled()
        monkeypatch.setattr(context.gateway, "detail", refused)
        controller.show(context.row(2))
        await context.ui.settled()
        assert (context.unreadable, view.ids) == ([error], [1])
        monkeypatch.undo()
        controller.show(context.row(2))  # As the list does once it can be read again.
        await context.ui.settled()
        assert view.ids == [1, 2]
