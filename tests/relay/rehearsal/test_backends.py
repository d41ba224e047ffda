"""Each check finds its fault in a backend that has it, and passes backends that are sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import handlers
from tests.support.handlers import Served, Strict, serving
from tests.support.program import lean_relay_here

SCALE = "0.0005"
"""Lean's three hours in five seconds."""

FOUND: dict[type[Strict], tuple[str, str, str]] = {
    handlers.Unsigned: ("signatures", "without a signature", "accepted"),
    handlers.Sha256: ("signatures", "signed as Lean does", "x 401"),
    handlers.Reserialising: ("signatures", "one space added to the JSON after signing", "accepted"),
    handlers.Created: ("retries", "lost after 7 attempts", "x 201 is not 200"),
    handlers.NoContent: ("retries", "lost after 7 attempts", "x 204 is not 200"),
    handlers.Late: ("types", "a type that Lean does not have", "1 x 200 arrived after 10."),
    handlers.CheckThenAct: ("duplicates", "the same event twice at once", "another effect"),
    handlers.AfterSuccess: (
        *("duplicates", "the same event again while the first is being handled"),
        "another effect",
    ),
    handlers.KnownTypesOnly: ("types", "a type that Lean does not have", "closed"),
    handlers.CreatedFirst: ("order", "the last event first", "another end state"),
    handlers.CustomersOnly: ("types", "each type that Lean documents", "x 400 is not 200"),
    handlers.Forgetful: ("outage", "a restart while events arrive", "effect"),
}
"""Backend with a fault -> the check and the case that find it, and how it shows."""


@pytest.fixture(autouse=True)
def _looks_soon(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that has done its work when it responds needs no time to settle."""
    if "Forgetful" not in request.node.name:
        monkeypatch.setattr("relay.rehearsal.state.LOOK_EVERY_S", 0.02)


def rehearsed(folder: Path, served: Served, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of a rehearsal with samples, and its lines."""
    done = lean_relay_here(
        folder,
        *("rehearse", *arguments, "--to", served.url, "--probe", served.probe, "--reset"),
        *(served.command("reset"), "--time-scale", SCALE, "--seed", "7", "--yes", "--json"),
        *("--db", str(folder / "relay.db")),
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines, done.stderr
    assert lines[-1]["kind"] == "rehearsal", done.stderr
    return done.returncode, lines[:-1]


def results(lines: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    return {(line["check"], line["case"]): line["result"] for line in lines}


@pytest.mark.slow
@pytest.mark.parametrize("faulty", FOUND, ids=lambda each: each.__name__)
def test_a_check_finds_its_fault(faulty: type[Strict], tmp_path: Path) -> None:
    """The case that looks for the fault fails by it, and names captures to look at."""
    check, case, shows = FOUND[faulty]
    with serving(faulty()) as served:
        restart = ("--restart", served.command("restart")) if check == "outage" else ()
        code, lines = rehearsed(tmp_path, served, check, *restart)
    assert code == 3
    assert results(lines)[check, case] == "failed"
    assert all(shows in line["received"] for line in lines if line["case"] == case)
    if check == "types":  # It is sound for all the others.
        assert [each for (_, each), result in results(lines).items() if result == "failed"] == [case]
    assert all(line["captures"] for line in lines if line["result"] == "failed")


@pytest.mark.slow
def test_a_strict_backend_passes_everything(tmp_path: Path) -> None:
    with serving(handlers.Strict()) as served:
        code, lines = rehearsed(tmp_path, served, "all", "--restart", served.command("restart"))
    assert code == 0
    assert set(results(lines).values()) == {"passed"}
    assert {check for check, _ in results(lines)} == {
        *("retries", "duplicates", "order", "signatures", "outage", "types")
    }


@pytest.mark.slow
def test_a_lenient_backend_passes_with_notes_and_warnings(tmp_path: Path) -> None:
    """It accepts other notations of the right signature, and 200 comes only when an event is sent again."""
    with serving(handlers.Lenient()) as served:
        code, lines = rehearsed(tmp_path, served, "all", "--restart", served.command("restart"))
    assert code == 0
    others = {key: result for key, result in results(lines).items() if result != "passed"}
    assert others.pop(("order", "the last event first")) == "warning"
    for number in (1, 2):
        assert others.pop(("order", f"shuffled, {number} of 2"), "warning") == "warning"
    assert others == {
        ("signatures", "signed rightly, without the prefix sha512="): "note",
        ("signatures", "signed rightly, in uppercase hex"): "note",
    }


@pytest.mark.slow
def test_without_a_probe_what_cannot_be_seen_is_unknown(tmp_path: Path) -> None:
    """A second effect, which there is, and the end state; never passed."""
    with serving(handlers.CheckThenAct()) as served:
        done = lean_relay_here(
            tmp_path,
            *("rehearse", "duplicates", "order", "--to", served.url, "--time-scale", SCALE),
            *("--yes", "--json", "--db", str(tmp_path / "relay.db")),
        )
        assert served.backend.effects > len(served.backend.seen)
    lines = [json.loads(line) for line in done.stdout.splitlines()][:-1]
    assert done.returncode == 0
    assert {(line["check"], line["result"]) for line in lines} == {
        ("duplicates", "unknown"),
        ("order", "unknown"),
    }
    assert all("--probe" in line["received"] for line in lines)
