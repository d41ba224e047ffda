"""Replays as text."""

from __future__ import annotations

import pytest

from tui.presenters.replay import ReplayForm, duration_s


@pytest.mark.parametrize(
    ("form", "taken_ms", "expected"),
    [
        (ReplayForm(), [10.0, 30.0], 20.0),
        (ReplayForm(concurrency="4"), [20.0], 5.0),
        (ReplayForm(rate="50"), [], 20.0),
        (ReplayForm(), [], None),
        (ReplayForm(rate="original"), [20.0], None),
        (ReplayForm(until_delivered=True), [20.0], None),
    ],
)
def test_duration(form: ReplayForm, taken_ms: list[float], expected: float | None) -> None:
    """A thousand requests by what earlier ones took, or by the rate; nothing where neither is known."""
    assert duration_s(form, 1000, taken_ms) == expected
