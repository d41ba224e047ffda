"""The pages of the manual, with their tables filled in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.resources import files

from relay.docs import tables

TOPICS: Mapping[str, str] = {
    "forwarding": "send webhooks on to your backend; order, retries, pause",
    "replay": "send captures again, as they came or edited; rehearsals",
    "shapes": "compare payloads with what Lean documents; contracts for your CI",
    "screen": "the terminal screen and its keys",
    "filter": "find captures: the words of a filter",
    "settings": "flags, variables, settings files, secrets, trust",
    "tls": "HTTPS and client certificates",
    "public-url": "give Lean a URL that reaches your machine; run the relay as a service",
    "team": "share webhooks with a team: nodes, followers, PostgreSQL",
    "privacy": "where bank data is kept, and who can read it",
    "database": "tables, backups, and the lines of `--json`",
    "agents": "use lean-relay from scripts, CI and coding agents",
    "lean": "what Lean documents about webhooks",
    "architecture": "how the program is built",
}
"""Topic -> summary, in the order in which they are listed."""

_TABLE = re.compile(r"(?m)^<!-- table: ([a-z-]+) -->$")


def page(topic: str, more: Mapping[str, Callable[[], str]] | None = None) -> str:
    """The Markdown of one page.

    Args:
        topic: one of `TOPICS`.
        more: tables that other packages make, by name; any other table stays a comment.
    """
    made = {**tables.TABLES, **(more or {})}
    text = files("relay.docs").joinpath(f"{topic}.md").read_text(encoding="utf-8")
    return _TABLE.sub(lambda match: made[match[1]]() if match[1] in made else match[0], text)
