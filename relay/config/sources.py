"""Sources of settings, the name of a setting in each, and the values read from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relay.config.entries import SecretSource
from relay.config.trusted import ProjectFile
from relay.text.safe import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSource:
    """Where values come from: a file, the environment, the command line."""

    name: str
    """A file's path as it is shown; empty for flags and the environment."""
    base: Path
    """The folder that relative paths start at."""
    kind: str
    """`file`, `environment` or `flag`."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Setting -> its option, for flags."""

    def of(self, key: str) -> str:
        """The name to look for when changing it: `lean-relay.toml: port`, `LEAN_RELAY_PORT`, `--port`."""
        if self.kind == "flag":
            return self.options[key]
        return variable(key) if self.kind == "environment" else f"{self.name}: {key}"

    def path(self, value: object) -> Path:
        """A path from this source, made absolute.

        Raises:
            ValueError: it is not a text, is empty, or begins with an unknown `~user`.
        """
        if not isinstance(value, (str, Path)) or not str(value).strip() or "\0" in str(value):
            raise ValueError(f"{quoted(value)} is not a valid path")
        try:
            return Path(self.base, Path(value).expanduser()).absolute()
        except RuntimeError as error:
            raise ValueError(f"{quoted(value)} names an unknown home folder") from error


@dataclass(slots=True)
class Layer:
    """The settings of one source, read and checked."""

    source: SettingSource
    values: dict[str, object]
    secrets: dict[str, SecretSource]
    errors: list[str]
    project: ProjectFile | None = None
    """Of a file that was found by itself, not named."""


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return f"LEAN_RELAY_{key.upper()}"
