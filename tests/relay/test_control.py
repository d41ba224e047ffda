"""The control socket: only its owner is heard."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from relay import control
from relay.errors import Exit, RelayError, Unreachable

ASK = b'POST /echo HTTP/1.1\r\nHost: engine\r\nContent-Length: 8\r\n\r\n{"a": 1}'


async def echo(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"said": dict(params)}


async def test_an_answer_comes_back_as_it_was_given() -> None:
    """Parameters go in as JSON, the action's object comes out."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "s")
        async with control.serving(path, {"echo": echo}):
            assert await control.ask(path, "echo", {"x": [1, "\u202e"]}) == {"said": {"x": [1, "\u202e"]}}
        with pytest.raises(Unreachable):
            await control.ask(path, "echo", {})


async def test_an_error_keeps_its_word_and_exit_code() -> None:
    """What an action raises for a person reaches the asker as the same error."""

    async def fail(params: Mapping[str, Any]) -> dict[str, Any]:
        raise RelayError("no room left", word="store-full")

    with TemporaryDirectory() as folder:
        path = Path(folder, "s")
        async with control.serving(path, {"fail": fail}):
            with pytest.raises(RelayError, match="no room left") as raised:
                await control.ask(path, "fail", {})
    assert (raised.value.word, raised.value.exit_code) == ("store-full", Exit.FAILED)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can speak as somebody else")
async def test_another_user_is_not_heard() -> None:
    """A process of another uid gets 403, even where file and folder would let it in."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder, "s")
        async with control.serving(path, {"echo": echo}):
            path.chmod(0o666)
            read_end, write_end = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    os.setuid(65534)
                    with socket.socket(socket.AF_UNIX) as connection:
                        connection.connect(str(path))
                        connection.sendall(ASK)
                        os.write(write_end, connection.recv(4096))
                finally:
                    os._exit(0)
            os.close(write_end)
            answer = await asyncio.to_thread(os.read, read_end, 4096)
            os.close(read_end)
            os.waitpid(child, 0)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"said" not in answer
