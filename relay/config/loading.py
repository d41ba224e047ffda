"""Settings put together: flags, then environment, then project file, then user file, then defaults.

Owns where settings files are looked for and the order of strength. Reads each place to its end
before it complains, so that one message lists every fault.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from platformdirs import user_config_path, user_data_path

from relay.config import secrets
from relay.config.known import SETTINGS
from relay.config.places import Place, variable
from relay.config.settings import SecretSource, Settings
from relay.config.tables import routes_of_flags
from relay.config.values import SeveralFaultsError, nearest
from relay.config.variables import of_variable
from relay.encodings import decoded
from relay.errors import UsageError

PROJECT_FILE = "lean-relay.toml"
APPLICATION = "lean-relay"

CONFIG_VARIABLE = "LEAN_RELAY_CONFIG"
_OTHER_VARIABLES = {CONFIG_VARIABLE}

_FILE_KEYS: Mapping[str, object] = {**SETTINGS, "app_token": None, "secrets": None}


def user_file() -> Path:
    """The user's own settings file, whether it exists or not."""
    return user_config_path(APPLICATION, appauthor=False) / "config.toml"


def default_db() -> Path:
    """Where the log is unless a setting says otherwise."""
    return user_data_path(APPLICATION, appauthor=False) / "relay.db"


def default_certs() -> Path:
    """Where the development certificates are."""
    return user_data_path(APPLICATION, appauthor=False) / "certs"


@dataclass(slots=True)
class _Layer:
    """What one place gives, read and checked."""

    place: Place
    values: dict[str, object]
    sources: dict[str, SecretSource]
    faults: list[str]


def load(
    flags: Mapping[str, Any],
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """The settings in force, all checked.

    Args:
        flags: keys of `SETTINGS` or fields of `Settings`; None, or an empty tuple, means not given.
            `forward_to` (targets) and `only` (a filter for all of them) replace the routes of files.
        config: a file to read in place of the project's.
        environ: in place of the process's; `LEAN_RELAY_...`, an empty value meaning not set.
        cwd: where relative flags start and the search for `lean-relay.toml` begins.

    Raises:
        UsageError: anything is wrong in any place, used or not; each fault is one line.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    layers = [_of_flags(flags, cwd), _of_environment(environ, cwd)]
    files: list[Path] = []
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    project = (cwd / named.expanduser()) if named is not None else _project_file(cwd)
    for path, must in ((project, named is not None), (user_file(), False)):
        if path is not None and (must or _is_file(path)) and path not in files:
            layers.append(_of_file(path, cwd, named=must))
            files.append(path)
    faults = [fault for layer in layers for fault in layer.faults]
    if len(faults) == 1:
        raise UsageError(faults[0])
    if faults:
        raise UsageError(f"{len(faults)} settings are wrong\n" + "\n".join(f"  {fault}" for fault in faults))
    return _merged(layers, files)


def _merged(layers: list[_Layer], files: list[Path]) -> Settings:
    chosen: dict[str, Any] = {}
    where: dict[str, str] = {}
    found: dict[str, SecretSource] = {}
    for layer in layers:
        for key, value in layer.values.items():
            if key not in where:
                chosen[SETTINGS[key].attribute] = value
                where[key] = layer.place.of(key)
        for name, source in layer.sources.items():
            found.setdefault(name, source)
    # Resolved once: every name of a database leads to the same lock, socket and write-ahead log.
    chosen["db"] = Path(os.path.realpath(chosen.get("db", default_db())))
    app_token = found.pop(secrets.APP_TOKEN, None)
    named = sorted(found.values(), key=lambda source: source.name != secrets.DEFAULT_SECRET)
    where = {key: where.get(key, "default") for key in SETTINGS}
    where["app_token"] = app_token.where if app_token else "default"
    where |= {f"secrets.{source.name}": source.where for source in named}
    return Settings(
        **chosen,
        app_token=app_token,
        secrets=tuple(named),
        sources=MappingProxyType(where),
        files=tuple(files),
    )


def _of_flags(flags: Mapping[str, Any], cwd: Path) -> _Layer:
    keys = {setting.attribute: key for key, setting in SETTINGS.items()}
    given = {
        keys.get(name, name): value for name, value in flags.items() if value is not None and value != ()
    }
    targets, only = given.pop("forward_to", ()), given.pop("only", None)
    assert given.keys() <= SETTINGS.keys(), f"no settings: {given.keys() - SETTINGS.keys()}"
    layer = _checked(given, Place(name="", base=cwd, kind="flag"))
    routes, faults = routes_of_flags(targets, only)
    layer.faults += faults
    if routes:
        layer.values["forward"] = routes
    return layer


def _of_environment(environ: Mapping[str, str], cwd: Path) -> _Layer:
    place = Place(name="", base=cwd, kind="environment")
    known = {variable(key): key for key in SETTINGS}
    given: dict[str, object] = {}
    faults: list[str] = []
    for name, text in environ.items():
        if not name.startswith("LEAN_RELAY_") or not text or name in _OTHER_VARIABLES:
            continue
        if name not in known:
            hint = nearest(name.removeprefix("LEAN_RELAY_"), SETTINGS)
            faults.append(f"{name}: there is no such setting{_as_variable(hint)}")
            continue
        try:
            given[known[name]] = of_variable(SETTINGS[known[name]].structure, text)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    layer = _checked(given, place)
    layer.sources, more = secrets.environment_sources(environ, place)
    layer.faults += faults + more
    return layer


def _as_variable(hint: str) -> str:
    return re.sub(r'"(\w+)"', lambda match: variable(match[1]), hint)


def _of_file(path: Path, cwd: Path, *, named: bool) -> _Layer:
    place = Place(
        name=path.name if path.parent == cwd else str(path), base=path.absolute().parent, kind="file"
    )
    try:
        with path.open("rb") as file:
            owner = os.fstat(file.fileno()).st_uid
            table = tomllib.loads(decoded(file.read()))
    except OSError as error:
        return _faulty(place, f"{place.name}: cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return _faulty(place, f"{place.name}: is not UTF-8 text; save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _faulty(place, f"{place.name}: is not TOML: {error}")
    except RecursionError:
        return _faulty(place, f"{place.name}: is nested too deeply")
    if not named and owner not in (os.geteuid(), 0):
        # A file that another user left in a folder above would say where bank data is kept and answered.
        return _faulty(place, f"{place.name}: belongs to another user; to trust it, name it: --config {path}")
    faults = [
        f"{place.name}: {key}: there is no such setting{nearest(key, _FILE_KEYS)}"
        for key in table.keys() - _FILE_KEYS.keys()
    ]
    layer = _checked({key: value for key, value in table.items() if key in SETTINGS}, place)
    if "secrets" in table:
        layer.sources, more = secrets.named_sources(table["secrets"], place)
        layer.faults += more
    if "app_token" in table:
        try:
            layer.sources[secrets.APP_TOKEN] = secrets.source(
                table["app_token"], secrets.APP_TOKEN, "app_token", place
            )
        except ValueError as error:
            layer.faults.append(f"{place.of('app_token')}: {error}")
    layer.faults += sorted(faults)
    return layer


def _faulty(place: Place, fault: str) -> _Layer:
    return _Layer(place, {}, {}, [fault])


def _checked(given: Mapping[str, object], place: Place) -> _Layer:
    layer = _Layer(place, {}, {}, [])
    for key, value in given.items():
        try:
            layer.values[key] = SETTINGS[key].parse(value, place)
        except SeveralFaultsError as error:
            layer.faults += [f"{place.of(key)}{fault}" for fault in error.faults]
        except ValueError as error:
            layer.faults.append(f"{place.of(key)}: {error}")
    return layer


def _project_file(cwd: Path) -> Path | None:
    """The nearest `lean-relay.toml` in `cwd` or above it."""
    for folder in (cwd, *cwd.parents):
        if _is_file(path := folder / PROJECT_FILE):
            return path
    return None


def _is_file(path: Path) -> bool:
    # Unlike Path.is_file before 3.14, a folder above that may not be searched is no error.
    return os.path.isfile(path)
