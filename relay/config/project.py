"""Settings of a project file that need trust: found, refused or left out.

Owns the decision for each command, the error that names those settings, and how an engine that reloads its
settings keeps the old values.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from types import MappingProxyType
from typing import Any

from relay.config import reach, secrets, trusted
from relay.config.entries import LeftOut
from relay.config.settings import SETTINGS, Settings
from relay.config.sources import Layer
from relay.config.trusted import OuterSetting, ProjectFile
from relay.errors import RelayError
from relay.text.safe import visible

LINES_NAMED = 12
LETTERS_NAMED = 200


class UntrustedSettings(RelayError):
    """A project file that is not trusted has settings in force that need trust."""

    def __init__(self, project: ProjectFile) -> None:
        named = [f"  {visible(_cut(f'{each.name} = {each.value}'))}" for each in project.outer[:LINES_NAMED]]
        if len(project.outer) > LINES_NAMED:
            named.append(f"  and {len(project.outer) - LINES_NAMED} more")
        file = visible(quote(str(project.path)))
        super().__init__(
            "\n".join(
                (
                    heading(project),
                    *named,
                    f"if you trust it, run `lean-relay trust {file}`, or name it: --config {file}",
                )
            ),
            word="untrusted-settings",
        )


def heading(project: ProjectFile) -> str:
    """The heading of the settings that need trust, for the question and the error."""
    return f"{visible(str(project.path))} has settings that reach beyond its folder and this machine:"


def as_project(path: Path, layer: Layer) -> ProjectFile:
    """The settings that need trust in a file that was found, not named.

    Args:
        layer: its settings as they were read.
    """
    folder = layer.source.base
    outer = [
        OuterSetting(name=key, value=text)
        for key, value in layer.values.items()
        for text in SETTINGS[key].reach(value, folder)
    ]
    for name, secret in layer.secrets.items():
        key = secrets.key_of(name)
        outer += [OuterSetting(name=key, value=text) for text in reach.secret(secret, folder)]
    return ProjectFile(path=real_path(path), outer=tuple(outer))


def real_path(path: Path) -> Path:
    """The path by which a project file is trusted: its folder without links, its own name."""
    return Path(os.path.realpath(path.parent), path.name)


def refuse(project: ProjectFile) -> bool:
    """Decide for a command that cannot ask.

    Raises:
        UntrustedSettings: always.
    """
    raise UntrustedSettings(project)


def leave_out(_project: ProjectFile) -> bool:
    """Decide for a command that has to work in any folder: leave out the settings that need trust."""
    return False


def without_untrusted(layers: Sequence[Layer], untrusted: Callable[[ProjectFile], bool]) -> list[LeftOut]:
    """Remove from a project file's layer the settings that may not be in force, and return them.

    Args:
        layers: strongest first, without errors.
        untrusted: as for `relay.config.load`.
    """
    for at, layer in enumerate(layers):
        if layer.project is not None:
            return _taken_out(layer, layer.project, layers[:at], untrusted)
    return []


def _taken_out(
    layer: Layer,
    project: ProjectFile,
    stronger: Sequence[Layer],
    untrusted: Callable[[ProjectFile], bool],
) -> list[LeftOut]:
    left_out: list[LeftOut] = []

    def leave(name: str, *, for_other_db: bool = False) -> None:
        _drop(layer, name)
        where = layer.source.of(name)
        left_out.append(LeftOut(name=name, where=where, file=project.path, for_other_db=for_other_db))

    in_force = [name for name in _names(layer) if not any(name in _names(other) for other in stronger)]
    if "keep" in in_force and not _is_for(layer, stronger):
        in_force.remove("keep")
        leave("keep", for_other_db=True)
    names = [name for name in project.names if name in in_force]
    if not names or trusted.is_trusted(project) or untrusted(project):
        return left_out
    if "db" in names and "keep" in in_force and "keep" not in names:
        names.append("keep")  # "forever", which is for that database alone.
    for name in names:
        leave(name)
    return left_out


def _names(layer: Layer) -> list[str]:
    return [*layer.values, *map(secrets.key_of, layer.secrets)]


def _drop(layer: Layer, name: str) -> None:
    layer.values.pop(name, None)
    for secret in [each for each in layer.secrets if secrets.key_of(each) == name]:
        del layer.secrets[secret]


def _is_for(layer: Layer, stronger: Sequence[Layer]) -> bool:
    """Whether the database in force is the one that this layer names."""
    db = next(other.values["db"] for other in (*stronger, layer) if "db" in other.values)
    return os.path.realpath(str(db)) == os.path.realpath(str(layer.values["db"]))


def with_left_out_of(fresh: Settings, old: Settings) -> Settings:
    """Reloaded settings, in which those that need trust and have none keep their old values.

    Args:
        old: the settings in force until now.
    """
    names = {each.name for each in fresh.left_out if not each.for_other_db}
    changes: dict[str, Any] = {
        SETTINGS[name].attribute: getattr(old, SETTINGS[name].attribute) for name in names & SETTINGS.keys()
    }
    if "keep" in names:
        changes["keep_file"] = old.keep_file
    if "app_token" in names:
        changes["app_token"] = old.app_token
    kept = [source for source in old.secrets if secrets.key_of(source.name) in names]
    others = [source for source in fresh.secrets if secrets.key_of(source.name) not in names]
    sources = {name: old.sources[name] for name in names & old.sources.keys()}
    return replace(
        fresh,
        **changes,
        secrets=secrets.in_order((*others, *kept)),
        sources=MappingProxyType({**fresh.sources, **sources}),
    )


def why_left_out(left_out: Sequence[LeftOut]) -> list[tuple[str, str]]:
    """For people: the settings of a project file that are not in force, why, and what to do about it."""
    found: list[tuple[str, str]] = []
    names = [each.name for each in left_out if not each.for_other_db]
    if names:
        file = str(left_out[0].file)
        them = f"{_joined(names)} {'is' if len(names) == 1 else 'are'}"
        found.append(
            (
                f"{visible(file)} is not trusted, so its {them} left out",
                f"run `lean-relay trust {visible(quote(file))}` if you trust it",
            )
        )
    for each in left_out:
        if each.for_other_db:
            why = "the database in use is not the one that this file names"
            found.append((f"{visible(each.where)} is left out: {why}", "set keep in your own settings file"))
    return found


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _cut(text: str) -> str:
    return text if len(text) <= LETTERS_NAMED else f"{text[:LETTERS_NAMED]}..."
