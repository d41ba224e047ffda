"""The parts of a setting's declaration: name, meaning, reader, example, reach and option.

The declarations themselves are the fields of `relay.config.settings.Settings`; files, variables, options,
`config` and the manual follow them. Reads no file and no environment.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from relay.config import reach as reaches
from relay.config.reach import Reach
from relay.config.sources import SettingSource, variable

T = TypeVar("T")

REQUIRED: Any = MISSING
"""The default of a setting that has none in its field."""

_KEY = "setting"
"""The entry of a field's metadata."""


@dataclass(frozen=True, slots=True)
class Option:
    """The option of a setting on the command line."""

    metavar: str | None = None
    """`FILE` for a path; None for a switch, which has no value."""
    name: str | None = None
    """None for `--` and the setting's key."""
    short: str | None = None
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as options, variables and files know it."""

    key: str
    """Its name in a settings file."""
    attribute: str
    """The field of `Settings`."""
    meaning: str
    """One sentence, for `--help`, the file that `config init` writes, and the manual."""
    read: Callable[[object, SettingSource], object]
    """Raises `ValueError` with the error and the form to use instead."""
    example: str
    """A line of TOML."""
    default_text: str
    """The default as a person would write it; empty where nothing is set."""
    reach: Reach
    """Returns the parts of a project file's value that reach beyond its folder, and so need trust."""
    structure: str | None = None
    """The TOML that a variable may have: `list of targets`; None for a plain value only."""
    option: Option | None = None
    """None for a setting that no option sets."""

    @property
    def option_name(self) -> str:
        """`--forward-to`; for a setting without an option, the name that it would have."""
        return (self.option and self.option.name) or f"--{self.key.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return variable(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSetting:
    """A setting that says where to read secrets; `relay.config.secrets` reads it."""

    key: str
    meaning: str
    """One sentence, for the file that `config init` writes, and the manual."""
    example: str
    """Lines of TOML."""


SECRETS = (
    SecretSetting(
        key="app_token",
        meaning="Lean's application token; webhooks that carry one are compared with it.",
        example='app_token = { env = "LEAN_SANDBOX_APP_TOKEN" }',
    ),
    SecretSetting(
        key="secrets",
        meaning="Webhook secrets by name; a signature is valid if any of them made it.",
        example="""\
[secrets]
sandbox = { file = "sandbox.secret" }
production = { env = "LEAN_PRODUCTION_SECRET" }""",
    ),
)


def setting(
    default: T,
    meaning: str,
    *,
    reach: Reach,
    read: Callable[[object], object] | None = None,
    read_at: Callable[[object, SettingSource], object] | None = None,
    example: str = "",
    key: str = "",
    structure: str | None = None,
    option: Option | None = None,
    show: Callable[[Any], str] | None = None,
    default_text: str = "",
) -> T:
    """Return a field that is a setting.

    Args:
        read: takes a value as options, variables and files have it; `read_at` takes its source too.
        example: a value in TOML; none where the default is one.
        key: its name in a file, where that is not the field's.
        show: formats the default.
        default_text: for a setting whose default is not in its field.
    """
    assert (read is None) != (read_at is None), "a setting has one reader"
    reader = read_at if read_at is not None else (lambda value, _source: read(value))  # type: ignore[misc]
    is_set = default is not REQUIRED and default not in (None, (), {}, False)
    plain = (show or _plain)(default)
    found = Setting(
        key=key,
        attribute="",
        meaning=meaning,
        read=reader,
        example=example or (json.dumps(plain) if isinstance(default, str) or show else plain),
        default_text=plain if is_set else default_text,
        reach=reach,
        structure=structure,
        option=option,
    )
    made = {"default_factory": dict} if default == {} else {"default": default}
    return field(**made, metadata={_KEY: found})  # type: ignore[no-any-return]


def file_setting(meaning: str, example: str) -> Path | None:
    """Return the field of a certificate's or key's file, whose option takes a FILE."""
    return setting(
        None,
        meaning,
        example=f'"{example}"',
        read_at=file_path,
        reach=reaches.any_file,
        option=Option("FILE"),
    )


def file_path(value: object, source: SettingSource) -> Path:
    """Read a path; relative ones start at the source's folder."""
    return source.path(value)


def declared(settings: type) -> dict[str, Setting]:
    """The settings that are declared in the fields of a dataclass, by key."""
    found: dict[str, Setting] = {}
    for each in fields(settings):
        if _KEY in each.metadata:
            made: Setting = each.metadata[_KEY]
            key = made.key or each.name
            found[key] = replace(made, key=key, attribute=each.name, example=f"{key} = {made.example}")
    return found


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
