"""A journey as text: its ids as tabs, steps joined by a line, and no word cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from relay.lean.ids import Of
from relay.models import Capture
from relay.text.safe import visible
from tests.support.factories import insert_all, new_log
from tests.support.payment_journey import INTENT, PAYMENT, an_event, payment_and_intent
from tui.gateway.journeys import Journeys
from tui.presenters import journey
from tui.presenters.journey import MOST_TABS, CaptureJourney, heads, period, row, title


def followed(
    folder: Path, captures: Iterable[Capture], number: int, place: int | None = None
) -> CaptureJourney:
    log = new_log(folder / "relay.db")
    insert_all(log, captures)
    log.close()
    return Journeys(folder / "relay.db").follow(number, place)


def rows(found: CaptureJourney, width: int) -> list[list[str]]:
    """The lines of each step."""
    day = found.journey.steps[0].received_at.date()
    return [
        ["".join(text for text, _ in line) for line in row(step, found, width, day)]
        for step in found.journey.steps
    ]


def head(found: CaptureJourney, width: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in heads(found, "]", width)]


@pytest.mark.parametrize("width", [50, 60, 118, 250])
def test_worded_as_the_command_does(tmp_path: Path, width: int) -> None:
    """Each step has its status, what came before it, signature and verdict, in any width, and whole."""
    found = followed(tmp_path, payment_and_intent(), 4, 1)
    assert [step.capture_id for step in found.journey.steps] == [1, 2, 4]
    lines = rows(found, width)
    assert all(cell_len(line) <= width for step in lines for line in step)
    text = " ".join(" ".join(lines[-1]).split())
    assert "payment PENDING_WITH_BANK → ACCEPTED_BY_BANK, signature invalid, → 500 retry" in text.replace(
        "payment.updated ", ""
    )
    assert "payment.updated" in text
    assert "->" not in text
    assert title(found, 200)[0] == f"payment {PAYMENT}: 3 captures of 3 types"


@pytest.mark.parametrize("width", [60, 118])
def test_steps_are_joined(tmp_path: Path, width: int) -> None:
    """A line goes from the first step to the last, through all lines between."""
    lines = rows(followed(tmp_path, payment_and_intent(), 4), width)
    at = lines[0][0].index("┬")
    joints = ["".join(line[at] for line in step) for step in lines]
    assert [joint[0] for joint in joints] == ["┬", "├", "└"]
    assert set("".join(joint[1:] for joint in joints[:-1])) <= {"│"}
    assert set(joints[-1][1:]) <= {" "}


def test_thousands_of_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, drawing one costs the same: the names of all are looked at once."""
    found = followed(tmp_path, payment_and_intent(), 4)
    many = replace(found, journey=replace(found.journey, steps=found.journey.steps * 100))
    looked: list[str] = []

    def counting(text: str) -> str:
        looked.append(text)
        return visible(text)

    monkeypatch.setattr(journey, "visible", counting)
    assert len(rows(many, 200)) == 300
    assert len(looked) < 300 * 10


def test_one_step_is_joined_to_nothing(tmp_path: Path) -> None:
    """A journey of one capture."""
    [[line, *_]] = rows(followed(tmp_path, [an_event(1, "payment.created", {"id": PAYMENT})], 1), 118)
    assert "─ payment.created" in line


def test_ids_are_tabs(tmp_path: Path) -> None:
    """All ids of the capture are named, with a sign at the one that is shown."""
    found = followed(tmp_path, payment_and_intent(), 4)
    assert (
        head(found, 118)[0]
        == "▸ intent 7d8def9f-1dd…   payment 37b1f471-0a6…   customer c0ffee00-000…   ] next"
    )
    assert head(replace(found, place=2), 60)[:2] == [
        "intent 7d8def9f-1dd…   payment 37b1f471-0a6…",
        "▸ customer c0ffee00-000…   ] next",
    ]
    assert title(found, 100)[0] == f"intent {INTENT}: 3 captures of 3 types"
    assert title(found, 60)[0] == "intent 7d8def9f-1dd…: 3 captures of 3 types"
    assert cell_len(title(found, 20)[0]) == 20
    assert period(found, 100)[0].startswith("2026")
    (tmp_path / "alone").mkdir()
    alone = followed(tmp_path / "alone", [an_event(1, "payment.created", {"id": PAYMENT})], 1)
    assert title(alone, 118)[0] == f"payment {PAYMENT}: 1 capture of 1 type"
    assert not any("▸" in line for line in head(alone, 118))


def test_more_ids_than_room(tmp_path: Path) -> None:
    """Few lines of tabs, from the shown one on, with the number of the rest."""
    found = followed(tmp_path, payment_and_intent(), 4)
    many = replace(found, place=70, ids=tuple((Of.ACCOUNT, f"account-{number}") for number in range(100)))
    lines = head(many, 80)
    assert lines[0].startswith("▸ account account-70   account account-71")
    shown = sum(line.count("account account-") for line in lines[:MOST_TABS])
    assert lines[MOST_TABS] == f"{100 - shown} more ids   ] next"


def test_hostile_words_are_made_safe(tmp_path: Path) -> None:
    """Types, ids and states come from outside."""
    bad = "\u202e\x9b\x1b[31m\0[@click=app.exit]"
    capture = an_event(1, "payment.x" + bad, {"id": bad, "status": bad, "customer_id": bad + bad})
    found = followed(tmp_path, [capture], 1)
    step = replace(found.journey.steps[0], type="x" + bad)
    for width in (80, 118):
        for text in (
            *head(found, width),
            title(found, width)[0],
            *(text for line in row(step, found, width, step.received_at.date()) for text, _ in line),
        ):
            assert visible(text) == text
