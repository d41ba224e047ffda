"""The messages between an engine and the guard of its tunnel, a line of JSON each. Opens nothing."""

from __future__ import annotations

from typing import Literal

import msgspec


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's only message: the program to run."""

    argv: tuple[bytes, ...]
    environment: tuple[tuple[bytes, bytes], ...]
    """Names and values, which need not be text."""
    kind: str
    """Whose output it is, for `relay.tunnel.output`."""
    pattern: str | None = None
    """Finds the URL, where the kind has no form of its own."""


class News(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """News of the program. Texts are as it printed them, without colours and cut to a length."""

    event: Literal["found", "lost", "silent", "ended", "failed"]
    """A URL or connection was found; the connection was lost; nothing was found for a while, or will be; the
    program ended; it could not be started."""
    url: str | None = None
    connected: bool = False
    code: int = 0
    """As `subprocess` returns it."""
    text: str = ""
    """Why, for `lost` and `failed`, and for `silent` where that is known."""
    lines: list[str] = msgspec.field(default_factory=list)
    """The last ones, for `silent` and `ended`."""
