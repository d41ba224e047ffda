"""The tabs that fit into a line."""

from __future__ import annotations

import pytest

from tui.presenters.tabs import visible_tabs

CELLS = (10, 6, 9, 12, 7, 11, 8, 7)


@pytest.mark.parametrize(
    ("active", "room", "places"),
    [(0, 70, range(8)), (0, 69, range(7)), (7, 60, range(2, 8)), (3, 40, range(1, 5)), (3, 5, range(3, 4))],
)
def test_all_or_those_around_the_active_one(active: int, room: int, places: range) -> None:
    """Without room for all, the neighbours of the open tab are shown as far as they fit."""
    assert visible_tabs(CELLS, active, room) == places


@pytest.mark.parametrize("room", range(80))
def test_the_active_one_is_always_there(room: int) -> None:
    """In any width the open tab is among those shown, and what is shown fits if anything does."""
    for active in range(len(CELLS)):
        places = visible_tabs(CELLS, active, room)
        assert active in places
        assert len(places) == 1 or sum(CELLS[place] for place in places) <= room
