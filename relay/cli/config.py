"""`config init` and `config show`: a settings file to start from, and the settings in force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from relay import private_files
from relay.cli.context import Group, Invocation, say_left_out, shared_options
from relay.cli.json_lines import print_json
from relay.config import (
    PROJECT_FILE,
    SECRETS,
    SETTINGS,
    LeftOut,
    SecretSetting,
    Setting,
    Settings,
    plain_values,
)
from relay.errors import RelayError, UsageError
from relay.text.safe import visible

HEAD = """\
# Settings of lean-relay for this folder and those below it. Remove the # before a line to set it.
# Options such as --port, then variables such as LEAN_RELAY_PORT, are stronger than this file.
# `lean-relay config show` prints the settings in force, and where each value comes from.
"""

SECRETS_HEAD = """\
# Secrets are never written here, only where to read each: a file, relative to this file's folder, or an
# environment variable. LEAN_WEBHOOK_SECRET and LEAN_WEBHOOK_SECRET_FILE need no line here.
"""


@click.group("config", cls=Group)
def config_command() -> None:
    """Write a settings file, or show the settings in force and where each comes from."""


@config_command.command("init")
@shared_options
@click.pass_obj
def init(invocation: Invocation) -> None:
    """Write a lean-relay.toml that explains every setting, all commented out.

    Writes it to the working folder, or to --config FILE; an existing file is not changed.
    """
    path = Path(PROJECT_FILE) if invocation.config is None else invocation.config
    try:
        private_files.create(path, template().encode())
    except FileExistsError as error:
        raise UsageError(f"{path} already exists; use --config FILE to write another file") from error
    except OSError as error:
        raise RelayError(f"could not write {path}: {error.strerror}", word="not-written") from error
    if invocation.json:
        print_json({"kind": "settings_file", "path": str(path.absolute())})
    else:
        click.echo(
            f"wrote {visible(str(path))}; everything in it is commented out, so no setting has changed yet",
            err=True,
        )


def template() -> str:
    """A settings file with each setting explained, and commented out with an example."""
    return "\n".join((HEAD, *map(_explained, SETTINGS.values()), SECRETS_HEAD, *map(_explained, SECRETS)))


def _explained(setting: Setting | SecretSetting) -> str:
    return "".join(f"# {line}\n" for line in (setting.meaning, *setting.example.splitlines()))


@config_command.command("show")
@shared_options
@click.pass_obj
def show(invocation: Invocation) -> None:
    """Print each setting in force and where its value comes from.

    For secrets it prints the names and where to read each; it does not read them. Settings of a project file
    that is not trusted are left out and named on stderr.
    """
    settings = invocation.settings_unasked()
    say_left_out(settings)
    lines = shown(settings)
    if invocation.json:
        for line in (*lines, *map(_left_out, settings.left_out)):
            print_json(line)
        return
    cells = [(str(line["name"]), _text(line["value"]), f"({line['source']})") for line in lines]
    widths = [max(len(row[column]) for row in cells) for column in (0, 1)]
    for name, value, source in cells:
        click.echo(visible(f"{name:{widths[0]}}  {value:{min(widths[1], 48)}}  {source}"))


def shown(settings: Settings) -> list[dict[str, Any]]:
    """The settings as lines of `--json`: `name`, `value` as a settings file could have it, `source`."""
    lines = [
        {"kind": "setting", "name": key, "value": value, "source": settings.sources[key]}
        for key, value in plain_values(settings).items()
    ]
    lines.append(
        {
            "kind": "setting",
            "name": "app_token",
            "value": str(settings.app_token) if settings.app_token else None,
            "source": settings.sources["app_token"],
        }
    )
    for secret in settings.secrets:
        name = f"secrets.{secret.name}"
        source = settings.sources[name]
        lines.append({"kind": "setting", "name": name, "value": str(secret), "source": source})
    return lines


def _left_out(setting: LeftOut) -> dict[str, Any]:
    reason = "other-database" if setting.for_other_db else "untrusted"
    return {"kind": "left_out", "name": setting.name, "where": setting.where, "reason": reason}


def _text(value: object) -> str:
    if value is None or value in ([], {}):
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
