"""The engine's controller, without a terminal: status, banners, pause, samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import structs

from relay.control.messages import ReplayStatus, TargetStatus, TunnelStatus
from relay.errors import RelayError
from tests.support.context import FakeContext
from tests.support.factories import a_capture
from tui.main.engine import EngineController
from tui.presenters.status import EngineState, Status

UP = TargetStatus(target="http://localhost:1", state="up", reason=None, waiting=0, parked=0)
RUNNING = Status(engine=EngineState.RUNNING, url="http://127.0.0.1:5326", targets=(UP,))


class FakeListener:
    """A listener that has written lines, and may have ended."""

    def __init__(self, lines: Sequence[str] = (), how: str | None = None) -> None:
        self._lines, self._how = lines, how

    def new_lines(self) -> Sequence[str]:
        return self._lines

    is_detached = False

    def ended(self) -> str | None:
        return self._how

    def detach(self) -> None:
        self.is_detached = True


@pytest.mark.parametrize(
    ("status", "action", "reason"),
    [
        (RUNNING, "pause", None),
        (RUNNING, "trigger", None),
        (RUNNING, "star", None),
        (replace(RUNNING, url=None), "trigger", "does not receive webhooks"),
        (replace(RUNNING, targets=()), "pause", "--forward-to"),
        (Status(engine=EngineState.GONE), "pause", "lean-relay listen"),
        (Status(engine=EngineState.GONE), "trigger", "lean-relay listen"),
        (Status(engine=EngineState.SILENT), "pause", None),
    ],
)
def test_disabled_reason(tmp_path: Path, status: Status, action: str, reason: str | None) -> None:
    """An action is refused where the engine cannot run it; an engine that does not answer may still."""
    with FakeContext(tmp_path) as context:
        engine = EngineController(context)
        engine.status = context.engine_status = status
        given = engine.disabled_reason(action)
        assert given == reason if reason is None else reason in (given or "")


async def test_status_of_no_engine(tmp_path: Path) -> None:
    """Without an engine the status and a banner say so."""
    with FakeContext(tmp_path) as context:
        engine = EngineController(context)
        assert (await engine.look()).engine is EngineState.GONE
        assert engine.status.engine is EngineState.GONE
        [(text, _)] = engine.banners(unreadable=None)
        assert "No engine runs" in text


def test_listener_lines(tmp_path: Path) -> None:
    """Lines of the listener become notices; refusals do not while their screen is on top."""
    with FakeContext(tmp_path) as context:
        engine = EngineController(context)
        engine.show_listener_lines(refusals_shown=False)
        context.gateway.listener = FakeListener(["refused: too large", "odd \x1b"])
        engine.show_listener_lines(refusals_shown=True)
        assert context.ui.notices == ["odd ␛"]
        engine.show_listener_lines(refusals_shown=False)
        assert context.ui.notices[1:] == ["refused: too large", "odd ␛"]


def test_listener_that_has_ended(tmp_path: Path) -> None:
    """An end of the listener is a banner, unless another engine takes webhooks."""
    with FakeContext(tmp_path) as context:
        engine = EngineController(context)
        context.gateway.listener = FakeListener(how="killed by SIGSEGV")
        engine.status = Status(engine=EngineState.GONE)
        assert any("killed by SIGSEGV" in text for text, _ in engine.banners(unreadable=None))
        engine.status = RUNNING
        assert not any("SIGSEGV" in text for text, _ in engine.banners(unreadable=None))


def test_leaving_costs_what_waits_and_what_has_just_come(tmp_path: Path) -> None:
    """Asked about where the listener ends with the screen, and a replay runs, one waits, or webhooks come."""
    with FakeContext(tmp_path, [a_capture(1)]) as context:
        engine = EngineController(context)
        engine.status = RUNNING
        received = a_capture(1).received_at
        soon, later = received + timedelta(minutes=2), received + timedelta(minutes=6)
        assert engine.leaving_costs(soon) is None  # The listener is not this screen's.
        listener = context.gateway.listener = FakeListener()
        assert "the last webhook came 2 min ago" in (engine.leaving_costs(soon) or "")
        assert engine.leaving_costs(later) is None
        engine.status = replace(RUNNING, targets=(structs.replace(UP, waiting=2),))
        assert engine.leaving_costs(later) == "Leaving ends the listener too: 2 deliveries wait."
        before = received - timedelta(days=1)  # The clock was set back since.
        assert "the last webhook came 0 ms ago" in (engine.leaving_costs(before) or "")
        run = ReplayStatus(run=1, started_at="now", targets=("http://x",), total=2, left=1, elapsed_s=0.1)
        engine.status = replace(RUNNING, replays=(run,))
        assert engine.leaving_costs(later) == "Leaving ends the listener too: a replay is running."
        listener.detach()
        assert engine.leaving_costs(soon) is None
        context.gateway.listener = FakeListener(how="killed by SIGSEGV")
        assert engine.leaving_costs(soon) is None


async def test_pause_and_resume(tmp_path: Path) -> None:
    """Pausing shows nothing but the banner; resuming, and an error, are shown."""
    with FakeContext(tmp_path) as context:
        engine = EngineController(context)
        engine.status = RUNNING
        engine.pause()
        await context.ui.settled()
        assert (context.engine.done, context.ui.notices) == ([("pause", True)], [])
        engine.status = replace(RUNNING, targets=(structs.replace(UP, state="paused"),))
        engine.pause()
        await context.ui.settled()
        assert context.engine.done[1:] == [("pause", False)]
        assert len(context.ui.notices) == 1
        error = context.engine.refusal = RelayError("no")
        engine.pause()
        await context.ui.settled()
        assert (context.ui.errors, context.refreshed) == ([error], 2)


async def test_sample_without_an_engine(tmp_path: Path) -> None:
    """A sample that no engine takes is an error; the next dialog begins with the type chosen before."""
    with FakeContext(tmp_path) as context:
        engine = EngineController(context)
        context.ui.answers = [None, "results.ready"]
        await engine.trigger()
        await context.ui.settled()
        assert context.ui.errors == []
        await engine.trigger()
        await context.ui.settled()
        assert [error.word for error in context.ui.errors] == ["no-engine"]


def test_copy_url_of_a_tunnel(tmp_path: Path) -> None:
    """Without a URL nothing is copied; with one its change is no news any more."""
    tunnel = TunnelStatus(name="cloudflared", state="down", reason="it ended")
    with FakeContext(tmp_path) as context:
        engine = EngineController(context)
        engine.status = replace(RUNNING, tunnel=tunnel)
        engine.copy_url()
        assert context.ui.copied == []
        assert "cloudflared is down" in context.ui.notices[-1]
        url = "https://new.example"
        up = TunnelStatus(name="cloudflared", state="up", url=url, previous_url="https://old.example")
        engine.status = replace(RUNNING, tunnel=up, public_url=url)
        assert "https://old.example" in engine.banners(unreadable=None)[0][0]
        engine.copy_url()
        assert context.ui.copied == [url]
        assert engine.banners(unreadable=None) == ()


def test_copy_url(tmp_path: Path) -> None:
    """The public URL is the one to give Lean; without one it is the engine's address."""
    with FakeContext(tmp_path) as context:
        engine = EngineController(context)
        engine.copy_url()
        engine.status = replace(RUNNING, public_url="https://x.example/hook")
        engine.copy_url()
        assert context.ui.copied == [context.gateway.engine.url(), "https://x.example/hook"]
