"""`replay --edit`: lets the user edit a request, and asks again if the form cannot be read."""

from __future__ import annotations

import sys
from dataclasses import replace

import click
from msgspec.structs import replace as with_

from relay.cli.advice import say
from relay.control.messages import Edits
from relay.delivery import edit_form, editor
from relay.errors import RelayError, UsageError
from relay.models import Capture
from relay.text.json_merge import merged_body
from relay.text.layout import laid_out


def edited_by_hand(shown: Capture, came: Capture) -> Edits:
    """Changes that the user makes to a capture's request in `$VISUAL` or `$EDITOR`.

    A JSON body is laid out for reading; every byte outside the changes stays as it was. If the form cannot be
    read, it is opened again after a question, if there is a terminal.

    Args:
        shown: the request in the form at first.
        came: the request as captured; the result is the difference from it.

    Raises:
        UsageError: there is no editor, or the form cannot be read.
        RelayError: `not-edited`, nothing was changed or the editor failed.
    """
    remarks: tuple[str, ...] = (f"Capture {came.id}. If you leave it unchanged or empty, nothing is sent.",)
    laid = laid_out(shown.body)
    in_form = shown.body if laid is None else laid.encode("utf-8")
    if laid is not None:
        remarks += ("The body is laid out for reading; what you do not change is sent as it came.",)
    form = edit_form.written(replace(shown, body=in_form), remarks)
    with editor.edited(form, f"capture-{came.id}.http") as file:
        while True:
            form = file.open()
            if not form.strip():
                raise RelayError("the form was empty, so nothing was sent", word="not-edited")
            try:
                edits = _read(form, came, shown.body, in_form)
            except ValueError as error:
                if not sys.stdin.isatty():
                    raise UsageError(f"--edit: {error}") from error
                say(str(error))
                click.confirm("Edit it again?", default=True, err=True, abort=True)
                continue
            if edits == Edits():
                raise RelayError(
                    "nothing was changed, so nothing was sent; to send it unchanged, omit --edit",
                    word="not-edited",
                )
            return edits


def _read(form: bytes, came: Capture, shown: bytes, in_form: bytes) -> Edits:
    """The difference of a form from the request as captured.

    Args:
        shown: the body in the form at first, as it would be sent.
        in_form: the same as it was written there.
    """
    edits = edit_form.read(form, replace(came, body=in_form))
    body = shown if edits.body is None else merged_body(shown, edits.body)
    return with_(edits, body=None if body == came.body else body)
