"""The reach of settings in a project file: inside its folder and on loopback, or beyond.

A `lean-relay.toml` may come with a cloned repository. It can set anything inside its folder and on loopback;
a setting that reaches further needs trust (`relay.config.trusted`). Each setting is declared with one of
these functions. It takes the parsed value and that folder, and returns the texts to ask about, none where
nothing reaches beyond. Trust is given to those texts, so they contain the whole value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from relay.config.entries import LeanAccess, Route, SecretSource, TeamAccess, TunnelChoice
from relay.config.values import format_span
from relay.text.targets import is_loopback, target_url

Find = Callable[[Any, Path], tuple[str, ...]]
"""A value and the folder of its file -> the parts that reach beyond."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a setting reaches, and when a project file needs trust for it."""

    trust: str
    """For the manual: `no`, `always`, or when."""
    find: Find

    def __call__(self, value: Any, folder: Path) -> tuple[str, ...]:
        return self.find(value, folder)


def _needs_trust(trust: str) -> Callable[[Find], Reach]:
    return lambda find: Reach(trust, find)


OWN_VARIABLES = "LEAN_"
"""Variables with this prefix are for Lean's tools; any other may hold anything, such as a cloud's key."""


@_needs_trust("no")
def inside(_value: object, _folder: Path) -> tuple[str, ...]:
    """For settings that cannot reach further, whatever their value."""
    return ()


@_needs_trust("always")
def beyond(value: object, _folder: Path) -> tuple[str, ...]:
    """For settings that do, whatever their value."""
    return (", ".join(map(str, value)) if isinstance(value, tuple) else str(value),)


@_needs_trust("if true")
def beyond_if_on(value: bool, _folder: Path) -> tuple[str, ...]:
    """For checks that `true` turns off."""
    return ("true",) if value else ()


@_needs_trust("if false")
def beyond_if_off(value: bool, _folder: Path) -> tuple[str, ...]:
    """For protections that `false` turns off where the user's own file has them on."""
    return () if value else ("false",)


@_needs_trust("unless forever")
def removal(value: timedelta | None, _folder: Path) -> tuple[str, ...]:
    """For `keep`: `forever` removes nothing."""
    return () if value is None else (format_span(value),)


@_needs_trust("always")
def any_file(path: Path, _folder: Path) -> tuple[str, ...]:
    """For certificates and keys, wherever they are; the path has its links resolved."""
    return (os.path.realpath(path),)


@_needs_trust("outside the file's folder")
def file_outside(path: Path, folder: Path) -> tuple[str, ...]:
    """For other files: one outside the folder once all links are resolved, whether it exists or not."""
    real = os.path.realpath(path)
    return () if Path(real).is_relative_to(os.path.realpath(folder)) else (real,)


@_needs_trust("beyond loopback")
def host(name: str, _folder: Path) -> tuple[str, ...]:
    """For the address to listen on."""
    return () if is_loopback(name) else (name,)


@_needs_trust("beyond loopback")
def targets(routes: tuple[Route, ...], _folder: Path) -> tuple[str, ...]:
    """For routes: those whose target is not on loopback, judged by its name."""
    return tuple(
        route.to if route.when is None else f"{route.to} (when {route.when})"
        for route in routes
        if not is_loopback(urlsplit(target_url(route.to)).hostname or "")
    )


@_needs_trust("always")
def access(value: LeanAccess | TeamAccess, _folder: Path) -> tuple[str, ...]:
    """For access to Lean's API and to the team's PostgreSQL: each part that is set, as secrets go there."""
    usual = type(value)()
    parts = {name: getattr(value, name) for name in value.__slots__}
    return tuple(
        f"{name} {format_span(part) if isinstance(part, timedelta) else part}"
        for name, part in parts.items()
        if part != getattr(usual, name)
    )


@_needs_trust("unless off")
def tunnel(choice: TunnelChoice | None, _folder: Path) -> tuple[str, ...]:
    """For the tunnel, which starts a program and opens this machine to the internet."""
    if choice is None:
        return ()
    if not choice.command:
        return (choice.name,)
    return (f"command {json.dumps(choice.command)}, url {choice.pattern}",)


@_needs_trust("outside the file's folder; variables other than LEAN_...")
def secret(source: SecretSource, folder: Path) -> tuple[str, ...]:
    """For the source of a secret: a file outside the folder, or a variable without the prefix."""
    if source.file is not None:
        return tuple(f"file {path}" for path in file_outside(source.file, folder))
    assert source.env is not None
    return () if source.env.startswith(OWN_VARIABLES) else (f"environment {source.env}",)
