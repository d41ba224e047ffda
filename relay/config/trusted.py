"""Project files that the user trusts, each with the values of its settings.

Owns the records in the user's state folder: one for each project file, 0600, with a digest of the settings
that reach beyond its folder. A value that changes needs trust again, any other line of the file does not. A
record also says whether the user has agreed to the first removal by the project file's `keep`.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from relay import private_files
from relay.errors import RelayError

_LARGEST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OuterSetting:
    """A setting of a project file that reaches beyond the file's folder and this machine."""

    name: str
    """As in the file: `forward`, `secrets.sandbox`."""
    value: str
    """The target, file or value, as untrusted text; one of several where the setting is a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """A `lean-relay.toml` that was found, not named, as it was read."""

    path: Path
    """Absolute, the links of its folder resolved."""
    outer: tuple[OuterSetting, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names of the settings that need trust, each once."""
        return list(dict.fromkeys(each.name for each in self.outer))

    @property
    def digest(self) -> str:
        """Digest of those settings and their values, in hex."""
        values = sorted((each.name, each.value) for each in self.outer)
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRecord:
    """The record of a project file."""

    path: Path
    digest: str
    names: tuple[str, ...]
    trusted_at: datetime
    """Aware, UTC."""
    removals: tuple[tuple[str, float], ...] = ()
    """Databases from which `keep` may remove, each with the shortest `keep` in seconds that was agreed to."""


def folder() -> Path:
    """The folder of the records, in the user's state folder."""
    return user_state_path("lean-relay", appauthor=False) / "trusted"


def is_trusted(project: ProjectFile) -> bool:
    """Whether a project file is trusted with its present values."""
    found = record_of(project.path)
    return found is not None and found.digest == project.digest


def trust(project: ProjectFile) -> None:
    """Remember that a project file is trusted with these values.

    Raises:
        RelayError: `not-written`.
    """
    before = record_of(project.path)
    _write(
        TrustRecord(
            path=project.path,
            digest=project.digest,
            names=tuple(project.names),
            trusted_at=datetime.now(UTC),
            removals=before.removals if before is not None else (),
        )
    )


def forget(path: Path) -> bool:
    """Stop trusting a project file; False where it was not trusted.

    Raises:
        RelayError: `not-written`.
    """
    try:
        _record_path(path).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _not_written(error) from error
    return True


def all_trusted() -> Iterator[TrustRecord]:
    """All records, by path."""
    found = [_read(path) for path in folder().glob("*.json")] if folder().is_dir() else []
    yield from sorted((each for each in found if each is not None), key=lambda each: each.path)


def record_of(path: Path) -> TrustRecord | None:
    """The record of a project file; None where there is none, or another user could have written it."""
    found = _read(_record_path(path))
    return found if found is not None and found.path == path else None


def may_remove(path: Path, db: Path, keep: timedelta) -> bool:
    """Whether the user has agreed to the removals from a database by this `keep` of a project file."""
    found = record_of(path)
    agreed = dict(found.removals).get(os.path.realpath(db)) if found is not None else None
    return agreed is not None and agreed <= keep.total_seconds()


def agree_to_removal(path: Path, db: Path, keep: timedelta) -> None:
    """Remember that the user has agreed; needs a trusted project file.

    Raises:
        RelayError: `not-written`.
    """
    found = record_of(path)
    if found is None:
        raise RelayError(f"{path} is not trusted", word="untrusted-settings")
    removals = dict(found.removals) | {os.path.realpath(db): keep.total_seconds()}
    _write(
        TrustRecord(
            path=found.path,
            digest=found.digest,
            names=found.names,
            trusted_at=found.trusted_at,
            removals=tuple(removals.items()),
        )
    )


def _record_path(path: Path) -> Path:
    return folder() / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:40]}.json"


def _read(path: Path) -> TrustRecord | None:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return None
            return _of_json(json.loads(file.read(_LARGEST_BYTES)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _of_json(known: Mapping[str, Any]) -> TrustRecord:
    return TrustRecord(
        path=Path(known["file"]),
        digest=str(known["digest"]),
        names=tuple(map(str, known["settings"])),
        trusted_at=datetime.fromisoformat(known["trusted_at"]),
        removals=tuple((str(db), float(seconds)) for db, seconds in known["removals"].items()),
    )


def _write(record: TrustRecord) -> None:
    text = json.dumps(
        {
            "file": str(record.path),
            "digest": record.digest,
            "settings": record.names,
            "trusted_at": record.trusted_at.isoformat(timespec="seconds"),
            "removals": dict(record.removals),
        }
    )
    path = _record_path(record.path)
    try:
        private_files.make_folder(path.parent)
        private_files.replace(path, text.encode())
    except OSError as error:
        raise _not_written(error) from error


def _not_written(error: OSError) -> RelayError:
    return RelayError(
        f"could not write in {folder()}, where trust in project files is stored: {error.strerror}; "
        "name the settings file with --config instead of trusting it",
        word="not-written",
    )
