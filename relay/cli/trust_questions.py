"""The two questions about a project file: whether to trust it, and whether its `keep` may remove captures.

Both are asked only at a terminal, and on stderr, so that a pipe gets only data. The values are untrusted
text: they are cleaned, and if there are too many to read, nothing is asked.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

import click

from relay.config import ProjectFile, Settings, UntrustedSettings, trusted
from relay.config.project import heading
from relay.config.values import format_span
from relay.control.lock import holder
from relay.errors import RelayError
from relay.text.captures import captures
from relay.text.safe import visible

MOST_SETTINGS = 40
MOST_LETTERS = 400
"""Longest value that is shown. Shortening one would make people agree to something unseen."""


def is_asked() -> bool:
    """Whether the user can be asked: stdin and stderr are a terminal, and we are in its foreground."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        # In the background of a shell (`&`) a question would stop the process.
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return True  # The terminal of another session has no foreground.


def ask(project: ProjectFile) -> bool:
    """Ask whether to trust a project file with these values, and record a yes.

    Raises:
        UntrustedSettings: there is no terminal, there are too many or too long values, or the answer is no.
    """
    too_much = len(project.outer) > MOST_SETTINGS or any(
        len(each.value) > MOST_LETTERS for each in project.outer
    )
    if too_much or not is_asked():
        raise UntrustedSettings(project)
    click.echo(heading(project), err=True)
    for line in named(project):
        click.echo(f"  {line}", err=True)
    if not click.confirm("Do you trust it with these values?", err=True):
        raise UntrustedSettings(project)
    trusted.trust(project)
    return True


def named(project: ProjectFile) -> list[str]:
    """The settings that need trust, cleaned, one per line."""
    return [visible(f"{each.name} = {each.value}") for each in project.outer]


def ask_about_removal(settings: Settings) -> None:
    """Before an engine starts, ask about the first removal by a project file's `keep`, and record a yes.

    Asks nothing if there is nothing to remove, no terminal, or an engine is running.
    """
    if settings.keep is None or settings.keep_file is None or not is_asked():
        return
    if trusted.may_remove(settings.keep_file, settings.db, settings.keep) or holder(settings.db) is not None:
        return
    from relay.store.read.reader import Reader

    try:
        with Reader(settings.db) as reader:
            count = reader.removable(datetime.now(UTC) - settings.keep)
    except RelayError:  # No database yet, or an older one: the engine reports it once it has read it.
        return
    if not count:
        return
    file, db = visible(str(settings.keep_file)), visible(str(settings.db))
    span = format_span(settings.keep)
    verb = "is" if count == 1 else "are"
    click.echo(f"{file} keeps captures for {span}. {captures(count)} in {db} {verb} older.", err=True)
    if click.confirm("Delete these permanently now, and others when they are as old?", err=True):
        trusted.agree_to_removal(settings.keep_file, settings.db, settings.keep)
