"""A probe's output, and what two of them show of an effect."""

from __future__ import annotations

import asyncio
import os
import signal
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from relay.errors import RelayError
from relay.rehearsal import state
from relay.rehearsal.choices import Choices
from relay.rehearsal.preparation import Prepared
from relay.rehearsal.report import CheckName
from relay.rehearsal.state import Probe, State
from tests.support.waiting import until


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("3 payments", "5 payments", (Decimal(2),)),
        ("3 of -1.5", "3 of 0.25", (Decimal(0), Decimal("1.75"))),
        ("3 payments", "3 accounts", None),
        ("3", "3 4", None),
        ("", "", ()),
    ],
)
def test_the_change_of_numbers(before: str, after: str, change: tuple[Decimal, ...] | None) -> None:
    """By how much each number grew; nothing where other words changed."""
    assert State(after).change_since(State(before)) == change


def test_another_effect_is_told_in_numbers() -> None:
    assert (
        state.instead((Decimal(16), Decimal("0.5")), (Decimal(8), Decimal(0))) == ": 16, 0.5 instead of 8, 0"
    )
    assert state.instead("a", "b") == ""


async def test_a_command_s_output_is_the_state(tmp_path: Path) -> None:
    total = tmp_path / "total"
    total.write_text("41\n")
    probe = Probe(f"cat '{total}'")
    assert await probe.settled() == State("41\n")
    assert await probe.holds()


async def test_a_state_that_still_changes_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend may respond first and work afterwards."""
    monkeypatch.setattr(state, "LOOK_EVERY_S", 0.01)
    total = tmp_path / "total"
    total.write_text("")
    probe = Probe(f"cd '{tmp_path}'; [ $(wc -c < total) -ge 5 ] || printf x >> total; cat total")
    assert await probe.settled() == State("xxxxx")


@pytest.mark.parametrize("source", ["exit 3", "http://127.0.0.1:1/state", "http://127.0.0.1:99999/"])
async def test_a_probe_that_fails(source: str) -> None:
    """It is named, and does not hold."""
    with pytest.raises(RelayError, match="check --probe") as failed:
        await Probe(source).read()
    assert failed.value.word == "probe-failed"
    assert not await Probe(source).holds()


async def test_a_command_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """Nothing of it runs on; so it is where the rehearsal is interrupted."""
    with pytest.raises(RelayError, match=r"took longer than 0\.05 s"):
        await state.run("sleep 60", within_s=0.05)
    pid = tmp_path / "pid"
    running = asyncio.ensure_future(state.run(f"sh -c 'echo $$ > {pid}; exec sleep 60' & sleep 60"))
    await until(lambda: pid.exists() and pid.read_text().strip(), "the program")
    program = psutil.Process(int(pid.read_text()))
    running.cancel()
    await asyncio.wait({running})
    _, alive = psutil.wait_procs([program], 5)
    assert not alive


async def test_a_command_is_killed_where_its_start_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has started by then ends too."""
    start = asyncio.create_subprocess_shell
    pid = tmp_path / "pid"
    programs: list[psutil.Process] = []

    async def slowly(*words: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await start(*words, **options)
        await until(lambda: pid.exists() and pid.read_text().strip(), "the program")
        programs.append(psutil.Process(int(pid.read_text())))
        running.cancel()
        await asyncio.sleep(0)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_shell", slowly)
    running = asyncio.ensure_future(state.run(f"sh -c 'echo $$ > {pid}; exec sleep 60' & sleep 60"))
    await asyncio.wait({running})
    assert running.cancelled()
    ended, _ = psutil.wait_procs(programs, 5)
    assert len(ended) == 1


async def test_output_without_end_costs_no_memory() -> None:
    """The first part is kept, and the command runs to its end."""
    tracemalloc.start()
    try:
        code, output = await state.run("head -c 30000000 /dev/zero | tr '\\0' x; exit 3")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (code, len(output)) == (3, state.MOST_BYTES)
    assert peak < 10 * state.MOST_BYTES


async def test_a_program_that_leaves_the_group_does_not_hold_the_rehearsal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps the output open after the command is killed."""
    monkeypatch.setattr(state, "GONE_WITHIN_S", 0.05)
    pid = tmp_path / "pid"
    leaves = f"setsid sh -c 'echo $$ > {pid}; exec sleep 60' & sleep 60"
    running = asyncio.ensure_future(state.run(leaves))
    await until(lambda: pid.exists() and pid.read_text().strip(), "the program")
    try:
        running.cancel()
        await asyncio.wait({running}, timeout=10)
        assert running.cancelled()
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)
    await state.run("true")  # Which sees the end of that output too.


async def test_a_program_that_is_left_running_with_the_output_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server that --restart starts in the background; it lives, and the message says what to change."""
    monkeypatch.setattr(state, "GONE_WITHIN_S", 0.05)
    pid = tmp_path / "pid"
    with pytest.raises(RelayError, match=r"as in `\./server > server\.log 2>&1 &`"):
        await state.run(f"sh -c 'echo $$ > {pid}; exec sleep 60' &")
    await until(lambda: pid.exists() and pid.read_text().strip(), "the program")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert await state.run(f"sleep 60 > {tmp_path}/log 2>&1 & kill $!; echo done") == (0, "done\n")


@pytest.mark.parametrize(("by", "seen"), [("command", "probe\nreset\n"), ("screen", "")])
async def test_what_commands_print_beside_their_output(
    by: str, seen: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A user at a shell sees it; on a screen it would be drawn over what is there."""
    choices = Choices(checks=(CheckName.ORDER,), probe="echo probe >&2", reset="echo reset >&2")
    prepared = Prepared(captured=(), stand_ins=(), of_each_type=(), path="/", seed=1, is_signed=False)
    stage = await prepared.stage(
        cast(Any, None), Path("unused"), choices, to=":1", tls=None, progress=print, by=by
    )
    assert stage.probe is not None
    await stage.probe.read()
    await stage.start_again()
    assert capfd.readouterr().err == seen
