"""Every command that a message, a help text or the README names exists, with the options named beside it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from relay.cli import group
from relay.cli.tui import screen_command
from tests.support.program import ROOT

COMMAND = re.compile(r"`(lean-relay(?: [^`]*)?)`")
"""In ticks, as messages and the README write what is to be typed."""

OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")

OF_CURL = {
    "--cacert",
    "--data-binary",
    "--data-raw",
    "--globoff",
    "--head",
    "--path-as-is",
    "--request-target",
}

OF_TUNNELS = {"--no-autoupdate", "--no-tls-verify", "--url", "--inspect", "--log", "--log-format"}

SOURCES = sorted([*(ROOT / "relay").rglob("*.py"), *(ROOT / "tui").rglob("*.py")])


@cache
def texts(path: Path) -> list[str]:
    """The texts of a module that a person may read; what is put into them stands as `0`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside: set[int] = set()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside.update(id(part) for part in node.values)
            found.append(
                "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values)
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            found.append(node.value)
    return found


def options() -> set[str]:
    """All options of all commands."""

    def walk(command: click.Command) -> Iterator[str]:
        for parameter in command.params:
            yield from parameter.opts
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                found = command.get_command(click.Context(command), name)
                assert found is not None
                yield from walk(found)

    return {"--help", *walk(group), *walk(screen_command)}


def wrong(line: str) -> str | None:
    """Why a command line cannot be typed; None where it can. Its values may be made up."""
    words = [word for word in shlex.split(line, comments=True)[1:] if word not in ("...", "|")]
    if "&&" in words:
        words = words[: words.index("&&")]
    command: click.Command = group
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        found = command.get_command(click.Context(command), name.lower())
        if found is None:
            return f"there is no command {name}" if command is group else None
        command = found
    if command is group:
        command = screen_command  # Options alone are those of `listen`, and of the screen.
    known = {"--help", "-h", "--version", *(opt for parameter in command.params for opt in parameter.opts)}
    for word in words:
        if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known:
            return f"{command.name} has no option {word}"
    return None


def named() -> Iterator[tuple[str, str]]:
    """Where a command is named, and the command."""
    for path in [*SOURCES, *(ROOT / "relay/docs").glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"]:
        found = texts(path) if path.suffix == ".py" else [path.read_text(encoding="utf-8")]
        for text in found:
            for line in COMMAND.findall(text):
                yield str(path.relative_to(ROOT)), " ".join(line.split())


def test_each_command_that_is_named_exists() -> None:
    """With each of its options."""
    found = set(named())
    assert len(found) > 50
    assert [(where, why) for where, line in sorted(found) if (why := wrong(line)) is not None] == []


@pytest.mark.slow
def test_wrong_ones_are_seen() -> None:
    """The test above would not let an unknown command or option pass."""
    assert wrong("lean-relay lsit") == "there is no command lsit"
    assert wrong("lean-relay replay 1 --insecrue") == "replay has no option --insecrue"
    assert wrong("lean-relay certs init --names x") == "init has no option --names"
    assert wrong("lean-relay --detahc") == "screen has no option --detahc"


@pytest.mark.slow
def test_an_option_that_is_named_exists() -> None:
    """Also where it is named without its command, as in `or name another with --db`."""
    known = options()
    for path in SOURCES:
        for text in texts(path):
            for option in OPTION.findall(text) if path.name != "curl.py" else ():  # which reads curl's own
                assert option in known | OF_CURL | OF_TUNNELS, f"{path.relative_to(ROOT)}: {option}"
