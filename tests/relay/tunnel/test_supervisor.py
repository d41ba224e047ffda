"""The life of a tunnel program, with doubles: up, down, again, and its end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic

import psutil
import pytest

from relay.config import TunnelChoice
from relay.engine.tasks import background
from relay.tunnel import guard, supervisor
from relay.tunnel.messages import Start
from relay.tunnel.state import Phase, TunnelState
from relay.tunnel.supervisor import Tunnel, environment, why_not_started
from tests.support import tunnels
from tests.support.loaded_settings import settings
from tests.support.program import ROOT
from tests.support.tunnels import Double, below
from tests.support.waiting import until


class Watched:
    """A tunnel, and all states that it had."""

    def __init__(self, start: Start, public_url: str | None) -> None:
        self.states: list[TunnelState] = []
        self.tunnel = Tunnel(start, self._changed, public_url=lambda: public_url)

    def _changed(self) -> None:
        self.states.append(self.tunnel.state)

    @property
    def state(self) -> TunnelState:
        return self.tunnel.state

    async def until(self, holds: Callable[[TunnelState], object], what: str) -> TunnelState:
        """Wait for a state, of now or before."""
        await until(lambda: any(map(holds, self.states)), what)
        return next(filter(holds, self.states))

    async def up(self) -> TunnelState:
        return await self.until(lambda state: state.phase is Phase.UP, "up")

    async def down(self) -> TunnelState:
        return await self.until(lambda state: state.phase is Phase.DOWN, "down")


@asynccontextmanager
async def a_tunnel(
    double: Double, kind: str, *, pattern: str | None = None, public_url: str | None = None
) -> AsyncIterator[Watched]:
    """Run the tunnel of a double."""
    start = Start(
        argv=(os.fsencode(double.path), b"an argument"),
        environment=(*os.environb.items(), (b"ODD", b"\xff")),
        kind=kind,
        pattern=pattern,
    )
    watched = Watched(start, public_url)
    async with background(watched.tunnel.run()):
        yield watched


@pytest.fixture
def cloudflared(tmp_path: Path) -> Double:
    return Double(tmp_path / "bin", "cloudflared")


def a_box(name: str = "quiet-lake") -> str:
    return tunnels.BOX.format(name=name)


async def test_up_when_it_has_a_url_and_a_connection(cloudflared: Double) -> None:
    """Not before both."""
    cloudflared.prints(a_box() + tunnels.REGISTERED)
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        state = await watched.up()
        assert state.url == "https://quiet-lake.trycloudflare.com"
        assert state.reason is None
    assert "an argument\n" in cloudflared.started_with


async def test_nothing_of_it_is_left_at_the_end(cloudflared: Double) -> None:
    """The program, what it started, and the guard."""
    cloudflared.prints(a_box() + tunnels.REGISTERED, then="sleep 600 & sleep 600 & wait")
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        await watched.up()
        await until(lambda: len(below(os.getpid())) >= 4, "its children")
        family = below(os.getpid())
    _, alive = psutil.wait_procs(family, 5)
    assert not alive


@pytest.mark.slow
async def test_a_program_that_ignores_sigterm_is_killed(cloudflared: Double) -> None:
    """After a second."""
    cloudflared.prints(a_box() + tunnels.REGISTERED, then='trap "" TERM; while :; do sleep 0.1; done')
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        await watched.up()
        family, begun = below(os.getpid()), monotonic()
    _, alive = psutil.wait_procs(family, 5)
    assert not alive
    assert monotonic() - begun < supervisor.ENDS_WITHIN_S + supervisor.GONE_WITHIN_S + 3


async def test_one_that_fails_has_a_reason_and_is_started_again(cloudflared: Double) -> None:
    """With what it means, when it is next tried, and its last lines."""
    cloudflared.prints(tunnels.TOO_MANY, then="exit 1")
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        state = await watched.down()
        assert "limits new quick tunnels" in (state.reason or "")
        assert state.next_at is not None
        assert state.lines[-1].startswith("failed to unmarshal")
        cloudflared.prints(a_box() + tunnels.REGISTERED)
        await watched.up()


def pauses(watched: Watched) -> list[float]:
    """The pauses that began so far, by the clock of the supervisor."""
    return [state.next_at - state.since for state in watched.states if state.next_at is not None]


async def test_pauses_grow(cloudflared: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a longest one."""
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 0.03)
    monkeypatch.setattr(supervisor, "time", lambda: 0.0)
    cloudflared.prints("", then="exit 1")
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        await until(lambda: len(pauses(watched)) >= 4, "four failures")
    assert pauses(watched)[:4] == [0.01, 0.02, 0.03, 0.03]


@pytest.mark.parametrize(
    ("steady_s", "third"), [(0.0, 1), (3600.0, 4)], ids=["up for long enough", "up for a moment"]
)
@pytest.mark.parametrize("lost", ["", tunnels.RETRYING], ids=["it ends", "it loses its connection and ends"])
async def test_pauses_begin_again_after_a_tunnel_that_was_up(
    cloudflared: Double, monkeypatch: pytest.MonkeyPatch, steady_s: float, third: int, lost: str
) -> None:
    """With the first one, if it was up for a while; the two failures before made them grow."""
    pause = 0.001
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", pause)
    monkeypatch.setattr(supervisor, "STEADY_S", steady_s)
    monkeypatch.setattr(supervisor, "time", lambda: 0.0)
    starts, up = cloudflared.path.parent / "starts", cloudflared.path.parent / "up"
    up.write_text(a_box() + tunnels.REGISTERED + lost)
    then = f"echo >> {starts}; [ $(wc -l < {starts}) -ne 3 ] || cat {up} >&2; exit 1"
    cloudflared.prints("", then=then)
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        await until(lambda: len(pauses(watched)) >= 3, "three pauses")
    assert any(each.phase is Phase.UP for each in watched.states)
    assert pauses(watched)[:3] == [pause, 2 * pause, third * pause]


async def test_a_lost_connection_is_down_and_comes_back(cloudflared: Double, tmp_path: Path) -> None:
    """While the program runs on, at the same URL."""
    again = tmp_path / "again"
    cloudflared.prints(
        a_box() + tunnels.REGISTERED + tunnels.RETRYING,
        then=f"until [ -e {again} ]; do sleep 0.02; done; echo '{tunnels.REGISTERED.strip()}'; exec sleep 60",
    )
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        state = await watched.down()
        assert "lost its connection" in (state.reason or "")
        watched.states.clear()
        again.touch()
        assert (await watched.up()).url == "https://quiet-lake.trycloudflare.com"


async def test_no_url_at_all(cloudflared: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays starting, and says so with the last lines."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(supervisor, "PROGRAM", "tests.support.impatient_guard")
    cloudflared.prints("something else\n")
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        state = await watched.until(lambda state: state.reason is not None, "a reason")
        assert (state.phase, state.lines) == (Phase.STARTING, ("something else",))


async def test_a_megabyte_of_noise(cloudflared: Double) -> None:
    """Without line feeds, and with; the URL behind it is found."""
    noise = "head -c 1000000 /dev/zero | tr '\\0' x >&2; yes noise | head -c 1000000 >&2; echo >&2;"
    box = cloudflared.path.parent / "box"
    box.write_text(a_box() + tunnels.REGISTERED)
    cloudflared.prints("", then=f"{noise} cat {box} >&2; exec sleep 600")
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        await watched.up()


async def test_a_killed_guard_takes_the_program_along(cloudflared: Double) -> None:
    """And another is started."""
    cloudflared.prints(a_box() + tunnels.REGISTERED)
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        await watched.up()
        family = below(os.getpid())
        (guarding,) = [each for each in family if "relay.tunnel.guard" in each.cmdline()]
        watched.states.clear()
        guarding.kill()
        assert "was killed" in ((await watched.down()).reason or "")
        _, alive = await asyncio.to_thread(psutil.wait_procs, family, 5)
        assert not alive
        await watched.up()


async def test_a_pattern_that_runs_away_is_given_up(tmp_path: Path) -> None:
    """The engine never runs it, and the guard stays responsive."""
    double = Double(tmp_path / "bin", "mine").prints("a" * 60 + "!\n" + "https://x.example\n")
    async with a_tunnel(double, "command", pattern=r"(a+)+$|https://\S+") as watched:
        state = await watched.until(lambda state: state.reason is not None, "a reason")
        assert "takes too long" in (state.reason or "")
        family, begun = below(os.getpid()), monotonic()
    _, alive = psutil.wait_procs(family, 5)
    assert not alive
    assert monotonic() - begun < 5


async def test_a_command_without_a_url_is_up_at_the_one_that_is_set(tmp_path: Path) -> None:
    """And without that it is not up, with the reason."""
    double = Double(tmp_path / "bin", "mine").prints("connected\n")
    async with a_tunnel(double, "command", pattern="connected", public_url="https://x.example") as watched:
        assert (await watched.up()).url == "https://x.example"
    async with a_tunnel(double, "command", pattern="connected") as watched:
        state = await watched.until(lambda state: state.reason is not None, "a reason")
        assert state.phase is Phase.STARTING
        assert "names no URL" in (state.reason or "")


async def test_a_program_that_is_gone_is_a_reason(cloudflared: Double) -> None:
    """It may be removed, or not executable, while the engine runs."""
    async with a_tunnel(cloudflared, "cloudflared") as watched:
        assert "could not be started: No such file" in ((await watched.down()).reason or "")
        cloudflared.prints(a_box() + tunnels.REGISTERED)
        await watched.up()


def test_what_a_program_gets_of_the_environment() -> None:
    """Nothing of Lean's, and no variable that holds a secret."""
    variables = {b"PATH": b"/bin", b"LEAN_APP_TOKEN": b"x", b"BANK": b"y", b"NGROK_AUTHTOKEN": b"\xff"}
    assert environment(variables, ["BANK"]) == {b"PATH": b"/bin", b"NGROK_AUTHTOKEN": b"\xff"}


def test_programs_are_looked_for_on_path(cloudflared: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, or where a path says."""
    monkeypatch.setenv("PATH", str(cloudflared.path.parent))
    by_name = settings(tunnel="cloudflared")
    assert "which is not on PATH" in (why_not_started(by_name) or "")
    cloudflared.prints("")
    assert why_not_started(by_name) is None
    monkeypatch.setenv("PATH", "")
    by_path = TunnelChoice(kind="command", command=(str(cloudflared.path),), pattern="x")
    assert why_not_started(replace(by_name, tunnel=by_path)) is None
    assert why_not_started(settings()) is None


def test_the_guard_is_the_program_that_is_started() -> None:
    """By the name of its module."""
    assert guard.__name__ == supervisor.PROGRAM
