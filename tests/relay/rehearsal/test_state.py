"""A probe's output, and what two of them show of an effect."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from relay.errors import RelayError
from relay.rehearsal import state
from relay.rehearsal.state import Probe, State


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
    """Nothing of it runs on."""
    with pytest.raises(RelayError, match=r"took longer than 0\.2 s"):
        await state.run(f"(sleep 1; touch '{tmp_path}/late') & sleep 30", within_s=0.2)
    await state.run("sleep 1.3")
    assert not (tmp_path / "late").exists()
