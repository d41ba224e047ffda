"""Settings put together: flags, then environment, then project file, then user file, then defaults.

Owns where settings files are looked for and which source is stronger. Reads every source to its end before
it raises, so that one message lists all errors.
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
from relay.config.environment import parse_variable
from relay.config.project import as_project, refuse, without_untrusted
from relay.config.secret_sources import secret_source
from relay.config.settings import SETTINGS, Settings
from relay.config.sources import Layer, SettingSource, variable
from relay.config.tables import TUNNEL_COMMAND, routes_of_flags
from relay.config.toml_file import Kind
from relay.config.trusted import ProjectFile
from relay.config.values import SeveralErrors, nearest
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
    """The database file where no setting names another."""
    return user_data_path(APPLICATION, appauthor=False) / "relay.db"


def default_certs() -> Path:
    """The folder of the development certificates."""
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
        config: a file to read instead of the project file.
        environ: instead of the process's; `LEAN_RELAY_...`, an empty value meaning not set.
        cwd: where relative paths of flags start, and the search for `lean-relay.toml`.
        untrusted: decides about a file that was found, not named, and has settings in force that need trust
            and have none. True takes them as they were read, False leaves them out (`Settings.left_out`).

    Raises:
        UsageError: there is an error in any source, used or not; one line for each.
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
    errors = [error for layer in layers for error in layer.errors]
    if len(errors) == 1:
        raise UsageError(errors[0])
    if errors:
        raise UsageError(f"{len(errors)} settings are wrong\n" + "\n".join(f"  {error}" for error in errors))
    left_out = without_untrusted(layers, untrusted)
    merged = _merged(layers, files)
    has_command = merged.tunnel is not None and bool(merged.tunnel.command)
    is_left_out = any(each.name == "tunnel" for each in left_out)
    if flags.get("tunnel") == TUNNEL_COMMAND and not has_command and not is_left_out:
        raise UsageError(
            "--tunnel command needs a table [tunnel] with command and url in a settings file; "
            "see `lean-relay help public-url`"
        )
    return replace(merged, left_out=tuple(left_out))


def project_file(path: Path) -> ProjectFile:
    """Read a settings file as if it had been found, with its settings that need trust.

    Raises:
        UsageError: it could not be read, could be another user's, or has errors.
    """
    layer = _of_file(path, Path.cwd(), "found")
    if layer.errors:
        raise UsageError("\n".join(layer.errors))
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
                where[key] = layer.source.of(key)
        for name, secret in layer.secrets.items():
            found.setdefault(name, secret)
    # Resolved once, so that every name of a database leads to the same lock, socket and WAL.
    chosen["db"] = Path(os.path.realpath(chosen.get("db", default_db())))
    app_token = found.pop(secrets.APP_TOKEN, None)
    for layer in layers:
        if layer.project is not None and where.get("keep") == layer.source.of("keep"):
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
    if given.get("tunnel") == TUNNEL_COMMAND:
        del given["tunnel"]  # That of a file, so that a project file still needs trust for it.
    assert given.keys() <= SETTINGS.keys(), f"no settings: {given.keys() - SETTINGS.keys()}"
    options = {key: setting.option_name for key, setting in SETTINGS.items()}
    layer = _checked(given, SettingSource(name="", base=cwd, kind="flag", options=options))
    routes, errors = routes_of_flags(targets, only)
    layer.errors += errors
    if routes:
        layer.values["forward"] = routes
    return layer


def _of_environment(environ: Mapping[str, str], cwd: Path) -> Layer:
    source = SettingSource(name="", base=cwd, kind="environment")
    known = {setting.variable: key for key, setting in SETTINGS.items()}
    given: dict[str, object] = {}
    errors: list[str] = []
    for name, text in environ.items():
        if not name.startswith("LEAN_RELAY_") or not text or name in _OTHER_VARIABLES:
            continue
        if name not in known:
            hint = nearest(name.removeprefix("LEAN_RELAY_"), SETTINGS)
            errors.append(f"{name}: no such setting{_as_variable(hint)}")
            continue
        try:
            given[known[name]] = parse_variable(SETTINGS[known[name]].structure, text)
        except ValueError as error:
            errors.append(f"{name}: {error}")
    layer = _checked(given, source)
    layer.secrets, more = secrets.environment_sources(environ, source)
    layer.errors += errors + more
    return layer


def _as_variable(hint: str) -> str:
    return re.sub(r'"(\w+)"', lambda match: variable(match[1]), hint)


def _of_file(path: Path, cwd: Path, kind: Kind) -> Layer:
    source = SettingSource(
        name=path.name if path.parent == cwd else str(path), base=path.absolute().parent, kind="file"
    )
    try:
        table = tomllib.loads(decoded(toml_file.read(path, kind)))
    except OSError as error:
        return _failed(source, f"{source.name}: could not be read: {error.strerror}")
    except UnicodeDecodeError:
        return _failed(source, f"{source.name}: is not UTF-8 text; save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _failed(source, f"{source.name}: is not TOML: {error}")
    except RecursionError:
        return _failed(source, f"{source.name}: is nested too deeply")
    except ValueError as error:
        return _failed(source, f"{source.name}: {error}")
    errors = [
        f"{source.name}: {key}: no such setting{nearest(key, _FILE_KEYS)}"
        for key in table.keys() - _FILE_KEYS.keys()
    ]
    layer = _checked({key: value for key, value in table.items() if key in SETTINGS}, source)
    if "secrets" in table:
        layer.secrets, more = secrets.named_sources(table["secrets"], source)
        layer.errors += more
    if "app_token" in table:
        try:
            layer.secrets[secrets.APP_TOKEN] = secret_source(
                table["app_token"], secrets.APP_TOKEN, "app_token", source
            )
        except ValueError as error:
            layer.errors.append(f"{source.of('app_token')}: {error}")
    layer.errors += sorted(errors)
    if kind == "found":
        if "keep" in table and "db" not in table:
            # Otherwise the author of the file could empty the user's own database.
            layer.errors.append(
                f"{source.of('keep')}: a project file can set it only together with db; "
                f'add db = "relay.db", or set keep in {user_file()}'
            )
        layer.project = as_project(path, layer)
    return layer


def _failed(source: SettingSource, error: str) -> Layer:
    return Layer(source, {}, {}, [error])


def _checked(given: Mapping[str, object], source: SettingSource) -> Layer:
    layer = Layer(source, {}, {}, [])
    for key, value in given.items():
        try:
            layer.values[key] = SETTINGS[key].read(value, source)
        except SeveralErrors as error:
            layer.errors += [f"{source.of(key)}{text}" for text in error.errors]
        except ValueError as error:
            layer.errors.append(f"{source.of(key)}: {error}")
    return layer


def _is_file(path: Path) -> bool:
    # Unlike Path.is_file before 3.14, a folder above that cannot be searched is not an error.
    return os.path.isfile(path)
