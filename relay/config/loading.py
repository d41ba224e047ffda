"""Settings put together: flags, then environment, then project file, then user file, then defaults.

Owns where settings files are looked for and the order of strength. Reads each place to its end
before it complains, so that one message lists every fault.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from platformdirs import user_config_path, user_data_path

from relay.config import secrets, toml_file
from relay.config.declarations import SECRETS
from relay.config.entries import SecretSource
from relay.config.environment import of_variable
from relay.config.project import as_project, refuse, without_untrusted
from relay.config.settings import SETTINGS, Settings
from relay.config.sources import Layer, Place, variable
from relay.config.tables import routes_of_flags
from relay.config.toml_file import Kind
from relay.config.trusted import ProjectFile
from relay.config.values import SeveralFaultsError, nearest
from relay.errors import UsageError
from relay.text.encodings import decoded

PROJECT_FILE = "lean-relay.toml"
APPLICATION = "lean-relay"

CONFIG_VARIABLE = "LEAN_RELAY_CONFIG"
_OTHER_VARIABLES = {CONFIG_VARIABLE}

_FILE_KEYS: Mapping[str, object] = {**SETTINGS, **{each.key: each for each in SECRETS}}


def user_file() -> Path:
    """The user's own settings file, whether it exists or not."""
    return user_config_path(APPLICATION, appauthor=False) / "config.toml"


def default_db() -> Path:
    """Where the log is unless a setting says otherwise."""
    return user_data_path(APPLICATION, appauthor=False) / "relay.db"


def default_certs() -> Path:
    """Where the development certificates are."""
    return user_data_path(APPLICATION, appauthor=False) / "certs"


def load(
    flags: Mapping[str, Any],
    *,
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    untrusted: Callable[[ProjectFile], bool] = refuse,
) -> Settings:
    """The settings in force, all checked.

    Args:
        flags: keys of `SETTINGS` or fields of `Settings`; None, or an empty tuple, means not given.
            `forward_to` (targets) and `only` (a filter for all of them) replace the routes of files.
        config: a file to read in place of the project's.
        environ: in place of the process's; `LEAN_RELAY_...`, an empty value meaning not set.
        cwd: where relative flags start and the search for `lean-relay.toml` begins.
        untrusted: asked about a file that was found, not named, with settings in force that need trust and
            have none. True takes them as they were read, False leaves them out (`Settings.left_out`).

    Raises:
        UsageError: anything is wrong in any place, used or not; each fault is one line.
        UntrustedSettings: `untrusted` raised it.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    layers = [_of_flags(flags, cwd), _of_environment(environ, cwd)]
    files: list[Path] = []
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    project = (cwd / named.expanduser()) if named is not None else find_project_file(cwd)
    kinds: tuple[tuple[Path | None, Kind], ...] = (
        (project, "found" if named is None else "named"),
        (user_file(), "own"),
    )
    for path, kind in kinds:
        if path is not None and (kind == "named" or _is_file(path)) and path not in files:
            layers.append(_of_file(path, cwd, kind))
            files.append(path)
    faults = [fault for layer in layers for fault in layer.faults]
    if len(faults) == 1:
        raise UsageError(faults[0])
    if faults:
        raise UsageError(f"{len(faults)} settings are wrong\n" + "\n".join(f"  {fault}" for fault in faults))
    left_out = without_untrusted(layers, untrusted)
    return replace(_merged(layers, files), left_out=tuple(left_out))


def project_file(path: Path) -> ProjectFile:
    """A settings file read as one that was found by itself, with what in it needs trust.

    Raises:
        UsageError: it cannot be read, could be another user's, or anything in it is wrong.
    """
    layer = _of_file(path, Path.cwd(), "found")
    if layer.faults:
        raise UsageError("\n".join(layer.faults))
    assert layer.project is not None
    return layer.project


def find_project_file(cwd: Path) -> Path | None:
    """The nearest `lean-relay.toml` in `cwd` or above it."""
    for folder in (cwd, *cwd.parents):
        if _is_file(path := folder / PROJECT_FILE):
            return path
    return None


def _merged(layers: list[Layer], files: list[Path]) -> Settings:
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
    for layer in layers:
        if layer.project is not None and where.get("keep") == layer.place.of("keep"):
            chosen["keep_file"] = layer.project.path
    named = secrets.in_order(found.values())
    where = {key: where.get(key, "default") for key in SETTINGS}
    where["app_token"] = app_token.where if app_token else "default"
    where |= {f"secrets.{source.name}": source.where for source in named}
    return Settings(
        **chosen,
        app_token=app_token,
        secrets=named,
        sources=MappingProxyType(where),
        files=tuple(files),
    )


def _of_flags(flags: Mapping[str, Any], cwd: Path) -> Layer:
    keys = {setting.attribute: key for key, setting in SETTINGS.items()}
    given = {
        keys.get(name, name): value for name, value in flags.items() if value is not None and value != ()
    }
    targets, only = given.pop("forward_to", ()), given.pop("only", None)
    assert given.keys() <= SETTINGS.keys(), f"no settings: {given.keys() - SETTINGS.keys()}"
    options = {key: setting.option_name for key, setting in SETTINGS.items()}
    layer = _checked(given, Place(name="", base=cwd, kind="flag", options=options))
    routes, faults = routes_of_flags(targets, only)
    layer.faults += faults
    if routes:
        layer.values["forward"] = routes
    return layer


def _of_environment(environ: Mapping[str, str], cwd: Path) -> Layer:
    place = Place(name="", base=cwd, kind="environment")
    known = {setting.variable: key for key, setting in SETTINGS.items()}
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


def _of_file(path: Path, cwd: Path, kind: Kind) -> Layer:
    place = Place(
        name=path.name if path.parent == cwd else str(path), base=path.absolute().parent, kind="file"
    )
    try:
        table = tomllib.loads(decoded(toml_file.read(path, kind)))
    except OSError as error:
        return _faulty(place, f"{place.name}: cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return _faulty(place, f"{place.name}: is not UTF-8 text; save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _faulty(place, f"{place.name}: is not TOML: {error}")
    except RecursionError:
        return _faulty(place, f"{place.name}: is nested too deeply")
    except ValueError as error:
        return _faulty(place, f"{place.name}: {error}")
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
    if kind == "found":
        if "keep" in table and "db" not in table:
            # Else whoever wrote the file would empty the database that is the user's own.
            layer.faults.append(
                f"{place.of('keep')}: a project's file sets it for a database that it names too; "
                f'add db = "relay.db", or set keep in {user_file()}'
            )
        layer.project = as_project(path, layer)
    return layer


def _faulty(place: Place, fault: str) -> Layer:
    return Layer(place, {}, {}, [fault])


def _checked(given: Mapping[str, object], place: Place) -> Layer:
    layer = Layer(place, {}, {}, [])
    for key, value in given.items():
        try:
            layer.values[key] = SETTINGS[key].read(value, place)
        except SeveralFaultsError as error:
            layer.faults += [f"{place.of(key)}{fault}" for fault in error.faults]
        except ValueError as error:
            layer.faults.append(f"{place.of(key)}: {error}")
    return layer


def _is_file(path: Path) -> bool:
    # Unlike Path.is_file before 3.14, a folder above that may not be searched is no error.
    return os.path.isfile(path)
