"""The controller of replays: a run asked for, followed and ended, without a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from relay.control.messages import FreshIds, ReplayStatus, TargetStatus
from relay.errors import RelayError
from tests.support.context import FakeContext
from tests.support.factories import a_capture
from tui.gateway import Replays
from tui.main.replay import ReplayController
from tui.presenters.replay import ReplayForm
from tui.presenters.status import EngineState, Status
from tui.screens.dialogs import Confirm
from tui.screens.replay_dialog import ReplayDialog


@dataclass
class FakeLine:
    """Where runs are shown."""

    progress: ReplayStatus | None = None
    others: tuple[ReplayStatus, ...] = ()


def a_run(run: int = 1, **changes: Any) -> ReplayStatus:
    """A run's progress, as the engine reports it."""
    values: dict[str, Any] = {"total": 1, "left": 1, "elapsed_s": 0.1, **changes}
    return ReplayStatus(run=run, started_at="now", targets=("http://x",), **values)


class ScriptedReplays(Replays):
    """The engine's replays as the test has them: each look at the run is the next of `looks`."""

    def __init__(self, *looks: ReplayStatus) -> None:
        self.looks = list(looks)
        self.begun: list[Any] = []
        self.cancelled: list[int] = []

    async def begin(self, order: Any) -> Any:
        self.begun.append(order)
        return a_run()

    async def progress(self, run: int, after: int, wait_s: float) -> Any:
        return self.looks.pop(0), []

    async def delivered(self, attempts: Sequence[int]) -> set[int]:
        return set()

    async def fresh_ids(self, ids: Sequence[int]) -> FreshIds:
        return FreshIds(seed="s", shift_us=0)

    async def cancel(self, run: int) -> Any:
        self.cancelled.append(run)
        return a_run(run, done=3, total=5)


@contextmanager
def a_controller(
    folder: Path, *looks: ReplayStatus, captures: int = 1
) -> Iterator[tuple[FakeContext, FakeLine, ScriptedReplays, ReplayController]]:
    """A controller of replays, its line, and an engine with one target."""
    with FakeContext(folder, map(a_capture, range(1, captures + 1))) as context:
        target = TargetStatus(target="http://x", state="up", reason=None, waiting=0, parked=0)
        context.engine_status = Status(engine=EngineState.RUNNING, url="http://y", targets=(target,))
        context.selected = list(range(1, captures + 1))
        view, replays = FakeLine(), ScriptedReplays(*looks)
        context.gateway.replays = replays
        yield context, view, replays, ReplayController(context, view)


def test_disabled_reason(tmp_path: Path) -> None:
    """One run at a time, of something, by an engine; editing is for one capture; `r` needs a target."""
    with a_controller(tmp_path) as (context, view, _, controller):
        sends = ("replay", "replay_to", "edit")
        assert not any(map(controller.disabled_reason, (*sends, "star")))
        context.selected = [1, 2]
        assert "Only one capture" in (controller.disabled_reason("edit") or "")
        context.engine_status = replace(context.engine_status, targets=())
        assert "No target" in (controller.disabled_reason("replay") or "")
        assert controller.disabled_reason("replay_to") is None
        context.engine_status = Status(engine=EngineState.GONE)
        assert "running engine" in (controller.disabled_reason("replay_to") or "")
        context.selected = []
        assert all("No capture" in (controller.disabled_reason(action) or "") for action in sends)
        view.progress = a_run()
        assert all("is running" in (controller.disabled_reason(action) or "") for action in sends)
        assert controller.disabled_reason("star") is None


async def test_a_run_is_followed_to_its_end(tmp_path: Path) -> None:
    """The line shows each step and nothing at the end; then the result is shown and the list read again."""
    ended = a_run(state="ended", done=2, total=2, delivered=2, left=0)
    with a_controller(tmp_path, a_run(done=1, total=2), ended, captures=2) as (context, view, replays, runs):
        shown: list[int | None] = []

        def noted() -> None:
            shown.append(None if view.progress is None else view.progress.done)

        context.refresh_keys = noted  # type: ignore[method-assign]
        await runs.replay()
        await context.ui.settled()
        assert (shown, view.progress, context.refreshed) == ([0, 1, None], None, 1)
        assert "2 delivered" in context.ui.notices[0]
        assert replays.begun[0].ranges == ((1, 2),)
        assert not context.ui.dialogs
        runs.show_others([a_run(), a_run(2)])
        assert [other.run for other in view.others] == [2]  # The first is its own.


async def test_an_engine_that_goes(tmp_path: Path) -> None:
    """An error ends following: it is shown, and the line is free again."""
    with a_controller(tmp_path) as (context, view, replays, controller):
        error = RelayError("gone")

        async def refused(order: Any) -> Any:
            raise error

        replays.begin = refused  # type: ignore[method-assign]
        await controller.replay()
        await context.ui.settled()
        assert (context.ui.errors, view.progress, context.refreshed) == ([error], None, 0)


async def test_a_run_that_cannot_be_followed_is_still_shown(tmp_path: Path) -> None:
    """After an error it may go on: it is in the line as others' runs are, and can be ended there."""
    with a_controller(tmp_path) as (context, view, replays, controller):
        error = RelayError("it has sent nothing for 5 s")

        async def silent(run: int, after: int, wait_s: float) -> Any:
            raise error

        replays.progress = silent  # type: ignore[method-assign]
        await controller.replay()
        await context.ui.settled()
        assert (context.ui.errors, view.progress) == ([error], None)
        controller.show_others([a_run()])
        assert controller.has_others


async def test_a_key_that_marks_another_meanwhile(tmp_path: Path) -> None:
    """The form is for one capture; where two are marked by the time it would open, it stays closed."""
    with a_controller(tmp_path, captures=2) as (context, _, _, controller):
        await controller.edit()
        assert context.ui.dialogs == []


async def test_many_are_asked_about(tmp_path: Path) -> None:
    """More than ten deliveries are sent after a question only, and repeats count."""
    with a_controller(tmp_path, captures=11) as (context, _, replays, controller):
        context.ui.answers = [False]
        await controller.replay()
        context.selected = [1, 2]
        context.ui.answers = [ReplayForm(times="6"), None]
        await controller.replay_to()
        await context.ui.settled()
        assert replays.begun == []
        assert [type(dialog) for dialog in context.ui.dialogs] == [Confirm, ReplayDialog, Confirm]


async def test_ending(tmp_path: Path) -> None:
    """One's own run is cancelled at once, another's after a question, and without a run nothing happens."""
    with a_controller(tmp_path) as (context, view, replays, controller):
        controller.end()
        view.progress, view.others = a_run(4), (a_run(7),)
        controller.end()
        await context.ui.settled()
        assert (replays.cancelled, context.ui.dialogs) == ([4], [])
        view.progress, context.ui.answers = None, [False, True]
        for _ in range(2):
            controller.end()
            await context.ui.settled()
        assert (replays.cancelled, context.ui.notices) == ([4, 7], ["3 of 5 were sent."])
