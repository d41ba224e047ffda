"""The tabs that fit into a line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

MORE = 3
"""Cells of the sign that there are more tabs, on either side."""


def visible_tabs(cells: Sequence[int], active: int, room: int) -> range:
    """The places of the tabs to show: all, or those around the active one.

    Args:
        cells: of each tab.
        active: place of the open tab, which is always shown.
        room: cells for the tabs, and for the signs where some are left out.
    """
    first = last = active
    if sum(cells) <= room:
        return range(len(cells))
    left = room - cells[active] - 2 * MORE
    while True:
        after = last + 1 < len(cells) and cells[last + 1] <= left
        before = first > 0 and cells[first - 1] <= left
        if after and (not before or last - active <= active - first):
            last += 1
            left -= cells[last]
        elif before:
            first -= 1
            left -= cells[first]
        else:
            return range(first, last + 1)
