"""`trust`: project files whose settings may reach beyond their folder and this machine."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from relay.cli.context import Invocation, shared_options
from relay.cli.json_lines import print_json
from relay.cli.trust_questions import named
from relay.config import PROJECT_FILE, find_project_file, project_file, real_path, trusted
from relay.errors import NotFound, UsageError
from relay.text.safe import visible

STATES = {
    "trusted": "trusted",
    "changed": "not trusted: these values have changed",
    "unreadable": "not trusted: the file is missing, or was refused",
    "removed": "no longer trusted",
    "not-needed": "has no settings that need trust",
}


@click.command("trust")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--list", "listed", is_flag=True, help="List the trusted project files.")
@click.option("--remove", is_flag=True, help="Stop trusting the file.")
@shared_options
@click.pass_obj
def trust_command(invocation: Invocation, file: Path | None, listed: bool, remove: bool) -> None:
    """Trust the project's lean-relay.toml, or FILE, with its present values.

    A file that is found in the working folder or above may have come with a cloned repository. It can set
    anything inside its folder and on loopback. Other targets, files and hosts, keep, certificates and
    disabled checks apply once you trust it, until one of those values changes. A file named with --config
    needs no trust.
    """
    if listed and (remove or file is not None):
        raise UsageError("--list does not go with FILE or --remove")
    if invocation.config is not None:
        raise UsageError(
            "a file named with --config needs no trust; run `lean-relay trust FILE` to trust another"
        )
    if listed:
        _list(invocation)
        return
    path = _path(file)
    if remove:
        if not trusted.forget(path):
            raise NotFound(f"{path} is not trusted; `lean-relay trust --list` lists the files that are")
        _print(invocation, path, "removed", [], None)
        return
    project = project_file(path)
    if not project.outer:
        _print(invocation, path, "not-needed", [], None)
        return
    trusted.trust(project)
    remembered = trusted.record_of(project.path)
    _print(invocation, path, "trusted", project.names, remembered.trusted_at if remembered else None)
    if not invocation.json:
        for line in named(project):
            click.echo(f"  {line}")


def _path(file: Path | None) -> Path:
    """Path of the project file, as trust records it.

    Raises:
        NotFound: no FILE is given, and none is found.
        UsageError: a file of another name, which only --config can name.
    """
    if file is None:
        found = find_project_file(Path.cwd())
        if found is None:
            raise NotFound(f"no {PROJECT_FILE} in this folder or above it")
        return real_path(found)
    path = file / PROJECT_FILE if file.is_dir() else file
    if path.name != PROJECT_FILE:
        raise UsageError(f"only a {PROJECT_FILE} needs trust; use another file with --config {file}")
    return real_path(path.absolute())


def _list(invocation: Invocation) -> None:
    for each in trusted.all_trusted():
        try:
            state = "trusted" if trusted.is_trusted(project_file(each.path)) else "changed"
        except UsageError:
            state = "unreadable"
        _print(invocation, each.path, state, list(each.names), each.trusted_at)


def _print(
    invocation: Invocation, path: Path, state: str, names: list[str], trusted_at: datetime | None
) -> None:
    if invocation.json:
        line = {
            "kind": "trust",
            "file": str(path),
            "state": state,
            "settings": names,
            "trusted_at": trusted_at.isoformat() if trusted_at else None,
        }
        print_json(line)
        return
    since = f" since {trusted_at.astimezone():%Y-%m-%d %H:%M}" if trusted_at and state == "trusted" else ""
    with_what = f" ({', '.join(names)})" if names else ""
    click.echo(visible(f"{path}: {STATES[state]}{since}{with_what}"))
