"""`replay --edit`: an editor of one's own, its end, and what it leaves."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from ast import literal_eval
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.backends import Backend, bodies
from tests.support.factories import BODY
from tests.support.replay_commands import LINE, command, folder, there

__all__ = ["folder", "there"]


def an_editor(folder: Path, script: str) -> str:
    """An editor that notes what it is given and how it is kept, and then does as the script says."""
    path = folder / "editor"
    lines = (
        f"#!{sys.executable}",
        "import os, sys",
        "path = sys.argv[1]",
        "form = open(path, 'rb').read()",
        "modes = [oct(os.stat(one).st_mode) for one in (path, os.path.dirname(path))]",
        f"open({str(folder / 'seen')!r}, 'w').write(repr((form, path, *modes)))",
        script,
    )
    path.write_text("\n".join(lines))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_edited_in_an_editor(folder: Path, there: Backend) -> None:
    """The form is the request with changes made already, private while it is open, gone afterwards."""
    to = ("replay", "1", "--to", f":{there.port}", "--edit")
    editor = an_editor(folder, "open(path, 'wb').write(form.replace(b'POST /webhooks/lean', b'PUT /new'))")
    said = command(folder, *to, "--set", "payload.amount=1.10", "--resign", EDITOR=editor)
    assert said.startswith(LINE.replace(" ->", " edited ->"))
    form, path, mode, above = literal_eval((folder / "seen").read_text())
    assert b'\n    "amount": 1.10,\n' in form, "laid out for reading"
    assert b"Host" not in form.partition(b"POST")[2]
    assert (mode, above) == (oct(0o100600), oct(0o40700))
    assert not os.path.exists(os.path.dirname(path))
    (request,) = there.requests
    assert request.startswith(b"PUT /new HTTP/1.1\r\n")
    assert request.endswith(BODY.replace(b"100.50", b"1.10"))
    assert "\n  sent: PUT /new\n" in command(folder, "show", "1", "--attempts")


@pytest.mark.slow
def test_a_laid_out_body_goes_back_as_it_came(folder: Path, there: Backend) -> None:
    """Only the value that was changed differs; unsigned it is sent only when that is confirmed."""
    odd = BODY.replace(b'"amount":100.50', b'"amount" :\t1.00e2')
    with closing(sqlite3.connect(folder / "relay.db")) as log, log:
        log.execute("UPDATE captures SET body = ? WHERE id = 1", (odd,))
    to = ("replay", "1", "--to", f":{there.port}", "--edit")
    editor = an_editor(folder, "open(path, 'wb').write(form.replace(b'\"AED\"', b'\"SAR\"'))")
    said = command(folder, *to, code=2, EDITOR=editor)
    assert "not signed again, so the signature will not verify" in said
    assert "without a terminal to confirm, add --resign, or --yes" in said
    assert there.requests == []
    command(folder, *to, "--yes", EDITOR=editor)
    command(folder, *to, "--resign", EDITOR=editor)
    assert bodies(there) == [odd.replace(b'"AED"', b'"SAR"')] * 2


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("", 1, "[not-edited] nothing was changed, so nothing was sent"),
        ("open(path, 'w').close()", 1, "[not-edited] the form was empty"),
        ("sys.exit(3)", 1, "[not-edited] the editor exited with code 3"),
        ("open(path, 'w').write('nonsense\\n')", 2, "--edit: line 1: 'nonsense' is not a valid request line"),
    ],
)
def test_an_edit_that_is_given_up(folder: Path, there: Backend, script: str, code: int, words: str) -> None:
    """Nothing is sent, and the words say why."""
    editor = an_editor(folder, script)
    to = ("replay", "1", "--to", f":{there.port}", "--edit")
    assert words in command(folder, *to, code=code, EDITOR=editor)
    assert there.requests == []


def test_no_such_editor(folder: Path) -> None:
    """The command that cannot be started is named."""
    said = command(folder, "replay", "1", "--to", ":1", "--edit", code=2, EDITOR="/no/such/editor")
    assert "could not start the editor '/no/such/editor'" in said
