"""A request in the editor of the person: what they make of it.

Owns the file for it: 0600 in a folder of its own, and gone afterwards, whatever the editor left beside it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from relay import editform
from relay.cli.common import PROGRAM
from relay.editing import Edits
from relay.errors import RelayError, UsageError
from relay.models import Capture
from relay.text import visible


def edited_by_hand(shown: Capture, came: Capture) -> Edits:
    """What a person changes in a capture's request, in `$VISUAL` or `$EDITOR`.

    A form that cannot be read is opened again where there is a terminal to ask at.

    Args:
        shown: as the form begins.
        came: as the capture came; what is given is the difference to this.

    Raises:
        UsageError: there is no editor, or the form cannot be read.
        RelayError: `not-edited` where nothing was changed, or the editor says that it failed.
    """
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    remarks = (f"Capture {came.id}. Leave it unchanged, or empty, and nothing is sent.",)
    with tempfile.TemporaryDirectory(prefix=f"{PROGRAM}-") as folder:  # 0700
        path = Path(folder, f"capture-{came.id}.http")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(editform.written(shown, remarks))
        while True:
            _open(editor, path)
            form = path.read_bytes()
            if not form.strip():
                raise RelayError("the form was emptied, so nothing was sent", word="not-edited")
            try:
                edits = editform.read(form, came)
            except ValueError as error:
                if not sys.stdin.isatty():
                    raise UsageError(f"--edit: {error}") from error
                click.echo(f"{PROGRAM}: {visible(str(error))}", err=True)
                if not click.confirm("Edit it again?", default=True, err=True):
                    raise click.Abort from error
                continue
            if edits == Edits():
                raise RelayError(
                    "nothing was changed, so nothing was sent; without --edit it goes as it came",
                    word="not-edited",
                )
            return edits


def _open(editor: str, path: Path) -> None:
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)
    except (OSError, ValueError) as error:
        raise UsageError(f"the editor {editor!r} cannot be started: {error}; set EDITOR") from error
    if done.returncode:
        raise RelayError(f"the editor ended with {done.returncode}, so nothing was sent", word="not-edited")
