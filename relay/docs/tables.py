"""Tables of the manual, each made from the declarations of what it describes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing


def markdown(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; `|` inside a cell is escaped."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def filters() -> str:
    """Every word of the filter, with its meaning."""
    from relay.filters import HELP

    return markdown(("filter", "matches"), ((f"`{written}`", meaning) for written, meaning in HELP))


def settings() -> str:
    """Every setting, with its option, default and meaning, and when a project file needs trust for it."""
    from relay.config import settings_table

    return settings_table()


def kinds() -> str:
    """Every kind of line that `--json` prints."""
    from relay.docs.kinds import KINDS

    rows = ((f"`{name}`", kind.fields, kind.printed_by) for name, kind in KINDS.items())
    return markdown(("kind", "fields", "printed by"), rows)


def exits() -> str:
    """Every exit code."""
    from relay.errors import EXIT_MEANINGS

    return markdown(("code", "meaning"), ((str(int(code)), text) for code, text in EXIT_MEANINGS.items()))


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Names of the columns of a table or view, in their order."""
    return [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]


def tables() -> str:
    """Every table and view of a new database, with its columns in order."""
    from relay.store import schema

    query = (
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"
        r" AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE '\_%' ESCAPE '\' ORDER BY type, rowid"
    )
    with closing(sqlite3.connect(":memory:")) as connection:
        schema.migrate(connection)
        rows = [
            (f"`{name}`", kind, " ".join(f"`{column}`" for column in columns_of(connection, name)))
            for name, kind in connection.execute(query).fetchall()
        ]
    return markdown(("name", "kind", "columns"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "filter": filters,
    "settings": settings,
    "kinds": kinds,
    "exits": exits,
    "columns": tables,
}
"""Name in a page -> what makes it."""
