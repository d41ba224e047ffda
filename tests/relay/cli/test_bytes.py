"""Arguments, paths and input that are not UTF-8: refused where a text is wanted, and any name for a file."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path

import click
import pytest

from relay.cli import COMMANDS, group, run
from relay.control.client import request
from relay.control.messages import NoteRequest
from relay.errors import Exit, RelayError
from tests.support.lean_requests import a_body, a_request
from tests.support.program import exchange, lean_relay_here, reading, running

Output = pytest.CaptureFixture[str]

ODD = os.fsdecode(b"caf\xe9")
"""As Python gives an argument that is not UTF-8."""


def texts(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A command line for each option and argument that is a text, with a value that is none."""
    for parameter in command.params:
        if not isinstance(parameter.type, click.types.StringParamType) or "FILE" in (parameter.metavar or ""):
            continue
        named = (parameter.opts[-1],) if isinstance(parameter, click.Option) else ()
        yield (*path, *named, f"x=1: {ODD}")
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from texts(each, (*path, name))


def every_text() -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        yield from texts(command, (name,))


def test_texts_are_utf8(capsys: Output) -> None:
    """Each option and argument of each command that is a text refuses another in words, as wrong usage."""
    lines = list(every_text())
    assert len(lines) > 40
    for line in lines:
        assert run(line) == 2, line
        assert "is not UTF-8 text" in capsys.readouterr().err, line


@pytest.mark.parametrize("word", ["verify", "shapes", "certs show"])
def test_what_may_be_a_file_is_no_fault_of_ours(word: str, capsys: Output) -> None:
    """What is neither a file nor a text is wrong usage as well."""
    assert run([*word.split(), ODD]) in (2, 4)
    assert "[bug]" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take names in UTF-8 alone")
def test_a_folder_of_any_name(tmp_path: Path) -> None:
    """A database in such a folder is served, read and changed, and files in it are read and written."""
    folder = tmp_path / ODD
    with running(folder) as relay:
        reply = exchange(relay.port, a_request(a_body("e-1")))
        assert reply is not None
        assert reply.status == 200
        body, frozen = folder / f"{ODD}.json", folder / f"frozen-{ODD}.json"
        body.write_bytes(a_body("e-2"))
        db = ("--db", str(relay.db))
        for arguments in (
            ("list",),
            ("show", "1", "--json"),
            ("status",),
            ("note", "1", "-m", "grün"),
            ("star", "1"),
            ("reload",),
            ("config", "show"),
            ("shapes", "freeze", "-o", str(frozen)),
            ("shapes", "check", str(body), "--against", str(frozen)),
            ("certs", "init", str(folder / "certs")),
            ("certs", "show", str(folder / "certs" / "ca.crt")),
        ):
            done = lean_relay_here(folder, *arguments, *db)
            assert done.returncode == 0, (arguments, done.stderr)
        assert frozen.exists()
        with pytest.raises(RelayError, match="a note is UTF-8 text") as caught:
            asyncio.run(request(relay.db, NoteRequest(ids=[1], text=ODD)))
        assert caught.value.exit_code == Exit.USAGE
        done = lean_relay_here(folder, "status", "--json", *db)
        assert json.loads(done.stdout.splitlines()[0])["db"] == str(relay.db)
        with reading(relay.db) as database:
            assert database.execute("SELECT starred, text FROM notes").fetchall() == [(1, "grün")]
        assert relay.stop() == 0
    assert lean_relay_here(folder, "note", "1", "-m", "later", *db).returncode == 0


@pytest.mark.parametrize("data", [b"caf\xe9", b"\xff\xfea", b"\xef\xbb\xbf\xff"])
def test_a_note_on_stdin_is_text(data: bytes, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no text is refused before any engine is asked."""
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(data)))
    assert run(["note", "1"]) == 2
    assert "the note on stdin is not UTF-8 text" in capsys.readouterr().err
