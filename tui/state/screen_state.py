"""The screen state that is saved for each database. Pure: a value, and its form in a file.

Owns the form. Of a file that is damaged, or of another version, the readable part is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

MOST_FILTERS = 100
"""Filters in the history."""

LONGEST_FILTER = 2_000
"""Characters; a longer one is applied like any other, but not saved."""

MOST_COLUMNS = 100
"""Names of columns that are read from a file; there are fewer."""

LARGEST = 1 << 20
"""Bytes of a file that are read; ours are far smaller."""


@dataclass(frozen=True, slots=True)
class ScreenState:
    """The screen as the user left it."""

    history: tuple[str, ...] = ()
    """Applied filters, the newest last, each once."""
    filter: str = ""
    filter_on: bool = True
    newest_first: bool = False
    tab: str = ""
    """Id of the detail's open tab; an unknown one is ignored."""
    columns: tuple[str, ...] = ()
    """Names of the list's columns; empty for the defaults, unknown ones are ignored."""
    summaries: bool = True
    """Whether rows show the summary of their event."""
    zoom: str = ""
    """`list`, `detail`, or empty for both."""
    theme: str = ""
    """Name of the theme; empty for the default."""

    def with_filter(self, text: str) -> ScreenState:
        """Add a filter to the end of the history."""
        text = text.strip()
        if not text or len(text) > LONGEST_FILTER:
            return self
        kept = [known for known in self.history if known != text]
        return replace(self, history=(*kept, text)[-MOST_FILTERS:])


@dataclass(slots=True)
class FilterHistory:
    """A cursor in the history, as in a shell."""

    filters: tuple[str, ...] = ()
    _at: int | None = field(default=None, init=False)
    """Index of the filter in the bar; None while the bar has another text."""

    @property
    def is_on(self) -> bool:
        """Whether the bar shows a filter of the history."""
        return self._at is not None

    def older(self) -> str | None:
        """The previous filter; None where there is none."""
        at = len(self.filters) if self._at is None else self._at
        if at == 0:
            return None
        self._at = at - 1
        return self.filters[self._at]

    def newer(self) -> str:
        """The next filter; empty after the newest."""
        if self._at is None or self._at + 1 >= len(self.filters):
            self._at = None
            return ""
        self._at += 1
        return self.filters[self._at]

    def leave(self) -> None:
        """The bar has another text."""
        self._at = None


def name_of(db: Path) -> str:
    """File name for a database: one for each path, which cannot be read from it."""
    return f"{sha256(str(db.absolute()).encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.json"


def written(state: ScreenState) -> str:
    """The state as JSON."""
    return json.dumps(
        {
            "version": 1,
            "history": list(state.history),
            "filter": state.filter if len(state.filter) <= LONGEST_FILTER else "",
            "filter_on": state.filter_on,
            "newest_first": state.newest_first,
            "tab": state.tab,
            "columns": list(state.columns),
            "summaries": state.summaries,
            "zoom": state.zoom,
            "theme": state.theme,
        },
        ensure_ascii=False,
        indent=1,
    )


def read(text: str) -> ScreenState:
    """Read as much of a file as possible; never raises."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        return ScreenState()
    if not isinstance(table, dict):
        return ScreenState()
    state = ScreenState()
    for filter in _list(table.get("history")):
        state = state.with_filter(_text(filter))
    return replace(
        state,
        filter=_text(table.get("filter")),
        filter_on=table.get("filter_on") is not False,
        newest_first=table.get("newest_first") is True,
        tab=_text(table.get("tab")),
        columns=tuple(name for name in map(_text, _list(table.get("columns"))[:MOST_COLUMNS]) if name),
        summaries=table.get("summaries") is not False,
        zoom=_text(table.get("zoom")),
        theme=_text(table.get("theme")),
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A line of text that can be shown as it is; empty for anything else."""
    if not isinstance(value, str) or len(value) > LONGEST_FILTER or not value.isprintable():
        return ""
    return value
