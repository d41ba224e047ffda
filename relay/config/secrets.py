"""Secrets: where settings say they are, and reading them when they are needed.

Owns the rule that a secret is in a file or in the environment, never in a setting or a flag. No secret, and
no value that could be one by mistake, gets into a message, a repr or `Settings`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from relay.config.entries import SecretSource
from relay.config.secret_sources import instead_of_secret, secret_source
from relay.config.secret_warnings import problems
from relay.config.settings import Settings
from relay.config.sources import SettingSource
from relay.errors import UsageError

DEFAULT_SECRET = "default"  # noqa: S105 -- a name
"""The name of the secret that the environment sets without a name."""

APP_TOKEN = "app token"  # noqa: S105 -- a name
"""The name of the token's source; no webhook secret can have it."""

FROM_ENVIRONMENT = {DEFAULT_SECRET: "LEAN_WEBHOOK_SECRET", APP_TOKEN: "LEAN_APP_TOKEN"}
"""Secrets that need no setting: each one's variable; the same name with `_FILE` has the path of a file."""

PREFERRED_SECRETS = ("sandbox", DEFAULT_SECRET)
"""Names of the secrets to sign with where none is asked for, best first."""

LARGEST_SECRET_BYTES = 64 * 1024

_SECRET_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

Warn = Callable[[str], None]


def named_sources(table: object, source: SettingSource) -> tuple[dict[str, SecretSource], list[str]]:
    """The `[secrets]` table of a settings file as sources by name, and the errors in it."""
    if not isinstance(table, dict):
        return {}, [f"{source.of('secrets')}: {instead_of_secret('sandbox')}"]
    sources: dict[str, SecretSource] = {}
    errors: list[str] = []
    for name, value in table.items():
        if not _SECRET_NAME.fullmatch(name):
            what = "a secret's name is 1 to 64 letters, digits, dots, dashes and underscores"
            errors.append(f"{source.of('secrets')}: {what}")
            continue
        try:
            sources[name] = secret_source(value, name, f"secrets.{name}", source)
        except ValueError as error:
            errors.append(f"{source.of(f'secrets.{name}')}: {error}")
    return sources, errors


def key_of(name: str) -> str:
    """The key of a secret of this name in a settings file: `secrets.sandbox`, `app_token`."""
    return "app_token" if name == APP_TOKEN else f"secrets.{name}"


def in_order(sources: Iterable[SecretSource]) -> tuple[SecretSource, ...]:
    """Secrets as `Settings` has them: the one called `default` first."""
    return tuple(sorted(sources, key=lambda each: each.name != DEFAULT_SECRET))


def environment_sources(
    environ: Mapping[str, str], source: SettingSource
) -> tuple[dict[str, SecretSource], list[str]]:
    """The webhook secret and the application token, where the environment sets them."""
    sources: dict[str, SecretSource] = {}
    errors: list[str] = []
    for name, variable in FROM_ENVIRONMENT.items():
        by_file = f"{variable}_FILE"
        if variable in environ and by_file in environ:
            errors.append(f"{variable} and {by_file} are both set; remove one")
        elif variable in environ:
            sources[name] = SecretSource(name=name, env=variable, where=variable)
        elif by_file in environ:
            try:
                sources[name] = SecretSource(name=name, file=source.path(environ[by_file]), where=by_file)
            except ValueError as error:
                errors.append(f"{by_file}: {error}")
    return sources, errors


def read_secrets(
    settings: Settings, environ: Mapping[str, str] | None = None, *, warn: Warn | None = None
) -> dict[str, bytes]:
    """Read the webhook secrets by name; one final newline is dropped from each.

    Args:
        warn: called with each problem that is allowed but unwise, such as a file that others can read.

    Raises:
        UsageError: one or more are missing, empty or unreadable; the message names each.
    """
    return _read(settings.secrets, environ, warn)


def read_app_token(
    settings: Settings, environ: Mapping[str, str] | None = None, *, warn: Warn | None = None
) -> bytes | None:
    """Read Lean's application token; None where none is configured.

    Raises:
        UsageError: it is missing, empty or unreadable.
    """
    if settings.app_token is None:
        return None
    return _read([settings.app_token], environ, warn)[settings.app_token.name]


def read_client(
    settings: Settings, environ: Mapping[str, str] | None = None, *, warn: Warn | None = None
) -> tuple[bytes, bytes]:
    """Read the client id and the client secret for Lean's API; the id is the application token by default.

    Raises:
        UsageError: one of them is not set, missing, empty or unreadable.
    """
    client_id, client_secret = settings.lean.client_id or settings.app_token, settings.lean.client_secret
    if client_id is None:
        raise UsageError(
            "no client id for Lean's API; it is the application token, so set LEAN_APP_TOKEN, or "
            'app_token or client_id in the settings: lean = { client_id = { env = "VARIABLE" } }'
        )
    if client_secret is None:
        raise UsageError(
            "no client secret for Lean's API; say in the settings where to read it: "
            'lean = { client_secret = { env = "LEAN_CLIENT_SECRET" } }, or { file = "path" }'
        )
    read = _read([client_id, client_secret], environ, warn)
    return read[client_id.name], read[client_secret.name]


def read_team_url(
    settings: Settings, environ: Mapping[str, str] | None = None, *, warn: Warn | None = None
) -> str:
    """Read the URL of the team's PostgreSQL.

    Raises:
        UsageError: it is not set, missing, empty, unreadable or not text.
    """
    source = settings.team.url
    if source is None:
        raise UsageError(
            "no URL of the team's PostgreSQL; say in the settings where to read it: "
            'team = { url = { env = "LEAN_TEAM_URL" } }, or { file = "path" }'
        )
    try:
        return _read([source], environ, warn)[source.name].decode().strip()
    except UnicodeDecodeError:
        raise UsageError(f"{source.where}: {source} is not UTF-8 text") from None


def _read(
    sources: Iterable[SecretSource], environ: Mapping[str, str] | None, warn: Warn | None
) -> dict[str, bytes]:
    environ = os.environ if environ is None else environ
    secrets: dict[str, bytes] = {}
    errors: list[str] = []
    for each in sources:
        try:
            raw = _of_file(each.file, each, warn) if each.file is not None else _of_variable(each, environ)
            secret = _without_final_newline(raw)
            if not secret:
                raise ValueError("is empty")
        except ValueError as error:
            errors.append(f"{each.where}: {each} {error}")
            continue
        if warn is not None:
            for problem in problems(secret):
                warn(f"{each.where}: {each} {problem}")
        secrets[each.name] = secret
    if errors:
        raise UsageError("\n".join(errors))
    return secrets


def _of_variable(each: SecretSource, environ: Mapping[str, str]) -> bytes:
    assert each.env is not None
    if each.env not in environ:
        raise ValueError("is not set")
    return environ[each.env].encode("utf-8", "surrogateescape")


def _of_file(path: Path, each: SecretSource, warn: Warn | None) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(LARGEST_SECRET_BYTES + 1)
    except OSError as error:
        raise ValueError(f"could not be read: {error.strerror}") from error
    if len(raw) > LARGEST_SECRET_BYTES:
        raise ValueError("is too large for a secret (at most 64 KiB)")
    if warn is not None and stat.S_ISREG(mode) and mode & 0o077:
        warn(f"{each.where}: {path} can be read by other users of this machine; run `chmod 600`")
    return raw


def _without_final_newline(raw: bytes) -> bytes:
    if raw.endswith(b"\r\n"):
        return raw[:-2]
    return raw.removesuffix(b"\n")


def preferred_secret(secrets: Mapping[str, bytes], asked: str | None = None) -> str:
    """The name of the secret to sign with: the one asked for, else sandbox, else default, else the first.

    Raises:
        UsageError: that one is not configured, or none is.
    """
    if asked is not None and asked not in secrets:
        known = (
            f"; there are {', '.join(secrets)}"
            if secrets
            else "; none is configured, see `lean-relay config show`"
        )
        raise UsageError(f"no secret called {asked!r} is configured{known}")
    if not secrets:
        raise UsageError("no webhook secret is configured; set one with LEAN_WEBHOOK_SECRET")
    return asked or next((one for one in PREFERRED_SECRETS if one in secrets), next(iter(secrets)))
