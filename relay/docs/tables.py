"""Tables of the manual, each made from the declarations of what it describes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing


def markdown(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; `|` and backslashes in a cell stay what they are."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def cell(text: str) -> str:
    """A text escaped for a cell of a Markdown table; backslashes between code ticks mean themselves."""
    parts = text.split("`")
    parts[::2] = [part.replace("\\", "\\\\") for part in parts[::2]]
    return "`".join(parts).replace("|", "\\|")


def filters() -> str:
    """Every word of the filter, with its meaning."""
    from relay.filters import HELP

    return markdown(("filter", "matches"), ((f"`{written}`", meaning) for written, meaning in HELP))


def settings() -> str:
    """Every setting, with its option, default and meaning, and when a project file needs trust for it."""
    from relay.config import SECRETS, SETTINGS, reach

    rows = [
        (
            f"`{each.key}`",
            f"`{each.option_name}`" if each.option is not None else "",
            f"`{each.default_text}`" if each.default_text else "",
            each.meaning if each.structure is None else f"{each.meaning} `{each.example}`",
            each.reach.trust,
        )
        for each in SETTINGS.values()
    ]
    rows += [(f"`{each.key}`", "", "", each.meaning, reach.secret.trust) for each in SECRETS]
    return markdown(("setting", "option", "default", "meaning", "needs trust"), rows)


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


def speed() -> str:
    """Figures of `make bench`, and the machine they are of."""
    return measured(
        "receive", "fixed-rate", "sizes", "sizes-processor", "tls", "handshakes", "drain", "startup"
    )


def team_speed() -> str:
    """Figures of nodes and followers."""
    return measured("team", "follower")


def measured(*names: str) -> str:
    """Time and place of the manual's run, then its comparisons of these names."""
    from relay.docs import figures

    run = figures.published()
    parts = [figures.format_run(run)]
    for name in names:
        found = run.find(name)
        if found is not None and found.figures:
            heads, *rows = map(tuple, figures.grid(found))
            parts += [f"{figures.heading(found)}:", markdown(heads, rows)]
    return "\n\n".join(parts)


TABLES: Mapping[str, Callable[[], str]] = {
    "filter": filters,
    "settings": settings,
    "kinds": kinds,
    "exits": exits,
    "columns": tables,
    "speed": speed,
    "team-speed": team_speed,
}
"""Name in a page -> the function that makes it."""
