"""`replay --edit`: lets the user edit a request, and asks again if the form cannot be read."""

from __future__ import annotations

import sys

import click

from relay.cli.context import PROGRAM
from relay.control.messages import Edits
from relay.delivery import edit_form, editor
from relay.errors import RelayError, UsageError
from relay.models import Capture
from relay.text.safe import visible


def edited_by_hand(shown: Capture, came: Capture) -> Edits:
    """Changes that the user makes to a capture's request in `$VISUAL` or `$EDITOR`.

    If the form cannot be read, it is opened again after a question, if there is a terminal.

    Args:
        shown: the request in the form at first.
        came: the request as captured; the result is the difference from it.

    Raises:
        UsageError: there is no editor, or the form cannot be read.
        RelayError: `not-edited`, nothing was changed or the editor failed.
    """
    remarks = (f"Capture {came.id}. If you leave it unchanged or empty, nothing is sent.",)
    with editor.edited(edit_form.written(shown, remarks), f"capture-{came.id}.http") as file:
        while True:
            form = file.open()
            if not form.strip():
                raise RelayError("the form was empty, so nothing was sent", word="not-edited")
            try:
                edits = edit_form.read(form, came)
            except ValueError as error:
                if not sys.stdin.isatty():
                    raise UsageError(f"--edit: {error}") from error
                click.echo(f"{PROGRAM}: {visible(str(error))}", err=True)
                if not click.confirm("Edit it again?", default=True, err=True):
                    raise click.Abort from error
                continue
            if edits == Edits():
                raise RelayError(
                    "nothing was changed, so nothing was sent; to send it unchanged, omit --edit",
                    word="not-edited",
                )
            return edits
