"""Where values of settings come from, what a setting is called there, and what each place gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relay.config.entries import SecretSource
from relay.config.trusted import ProjectFile
from relay.text.safe import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where values come from: a file, the environment, the command line."""

    name: str
    """A file's path as it is shown; empty for flags and the environment."""
    base: Path
    """The folder that relative paths are meant from."""
    kind: str
    """`file`, `environment` or `flag`."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Setting -> its option, for flags."""

    def of(self, key: str) -> str:
        """What a person looks for to change it: `lean-relay.toml: port`, `LEAN_RELAY_PORT`, `--port`."""
        if self.kind == "flag":
            return self.options[key]
        return variable(key) if self.kind == "environment" else f"{self.name}: {key}"

    def path(self, value: object) -> Path:
        """A path that stands here, absolute.

        Raises:
            ValueError: it is no text, empty, or begins with a `~user` that is not known.
        """
        if not isinstance(value, (str, Path)) or not str(value).strip() or "\0" in str(value):
            raise ValueError(f"{quoted(value)} is no path")
        try:
            return Path(self.base, Path(value).expanduser()).absolute()
        except RuntimeError as error:
            raise ValueError(f"{quoted(value)} names a home folder that is not known") from error


@dataclass(slots=True)
class Layer:
    """What one place gives, read and checked."""

    place: Place
    values: dict[str, object]
    sources: dict[str, SecretSource]
    faults: list[str]
    project: ProjectFile | None = None
    """Of a file that was found by itself, not named."""


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return f"LEAN_RELAY_{key.upper()}"
