"""Where a setting says that a secret is: `{ file = ... }` or `{ env = ... }`, never the secret itself."""

from __future__ import annotations

import re

from relay.config.entries import SecretSource
from relay.config.sources import SettingSource

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def secret_source(value: object, name: str, key: str, source: SettingSource) -> SecretSource:
    """One `{file = ...}` or `{env = ...}`.

    Raises:
        ValueError: it is anything else; the message does not repeat the value.
    """
    if not isinstance(value, dict):
        raise ValueError(instead_of_secret(name))
    if len(value) != 1 or not value.keys() <= {"file", "env"}:
        raise ValueError(f"needs exactly one key, file or env; {instead_of_secret(name)}")
    if "file" in value:
        return SecretSource(name=name, file=source.path(value["file"]), where=source.of(key))
    variable = value["env"]
    if not isinstance(variable, str) or not _VARIABLE_NAME.fullmatch(variable):
        raise ValueError("env must be the name of an environment variable, for example LEAN_SANDBOX_SECRET")
    return SecretSource(name=name, env=variable, where=source.of(key))


def instead_of_secret(name: str) -> str:
    """What to write in place of a secret, for an error message."""
    # The value is not repeated: it may be the secret.
    key = name.replace(" ", "_")
    return (
        "secrets are never written in settings; say where to read it: "
        f'{key} = {{ file = "path" }} or {key} = {{ env = "VARIABLE" }}'
    )
