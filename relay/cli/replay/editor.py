"""A request in the editor of the person: what they make of it, and what is asked where it cannot be read."""

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
    """What a person changes in a capture's request, in `$VISUAL` or `$EDITOR`.

    A form that cannot be read is opened again where there is a terminal to ask at.

    Args:
        shown: as the form begins.
        came: as the capture came; what is given is the difference to this.

    Raises:
        UsageError: there is no editor, or the form cannot be read.
        RelayError: `not-edited` where nothing was changed, or the editor says that it failed.
    """
    remarks = (f"Capture {came.id}. Leave it unchanged, or empty, and nothing is sent.",)
    with editor.edited(edit_form.written(shown, remarks), f"capture-{came.id}.http") as file:
        while True:
            form = file.open()
            if not form.strip():
                raise RelayError("the form was emptied, so nothing was sent", word="not-edited")
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
                    "nothing was changed, so nothing was sent; without --edit it goes as it came",
                    word="not-edited",
                )
            return edits
