"""The control socket: only its owner is heard."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import pytest

from relay.control import client, server
from relay.errors import Exit, RelayError, Unreachable

ASK = b'POST /echo HTTP/1.1\r\nHost: engine\r\nContent-Length: 8\r\n\r\n{"a": 1}'


async def echo(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"said": dict(params)}


async def test_an_answer_comes_back_as_it_was_given() -> None:
    """Parameters go in as JSON, the action's object comes out."""
    with TemporaryDirectory() as folder:
        async with server.serving(Path(folder, "x.db"), {"echo": echo}) as served:
            answer = await client.ask(served.path, "echo", {"x": [1, "\u202e"]})
            assert answer == {"said": {"x": [1, "\u202e"]}}
            assert served.path.stat().st_mode & 0o777 == 0o600
            assert served.path.parent.stat().st_mode & 0o777 == 0o700
        with pytest.raises(Unreachable):
            await client.ask(served.path, "echo", {})
        assert not served.path.exists()


async def test_an_error_keeps_its_word_and_exit_code() -> None:
    """What an action raises for a person reaches the asker as the same error."""

    async def fail(params: Mapping[str, Any]) -> dict[str, Any]:
        raise RelayError("no room left", word="store-full")

    with TemporaryDirectory() as folder:
        async with server.serving(Path(folder, "x.db"), {"fail": fail}) as served:
            with pytest.raises(RelayError, match="no room left") as raised:
                await client.ask(served.path, "fail", {})
    assert (raised.value.word, raised.value.exit_code) == ("store-full", Exit.FAILED)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can speak as somebody else")
async def test_another_user_is_not_heard() -> None:
    """A process of another uid gets 403, even where file and folder would let it in."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        async with server.serving(Path(folder, "x.db"), {"echo": echo}) as served:
            path = Path(folder, "s")
            served.path.rename(path)
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


async def test_an_answer_that_takes_its_time_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than silence would be borne: the engine shows that it lives; an error comes as it was raised."""
    monkeypatch.setattr(server, "BEATS_EVERY_S", 0.05)
    monkeypatch.setattr(client, "SILENT_AFTER_S", 0.5)

    async def long_work(params: Mapping[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(1.0)
        if params:
            raise RelayError("not all was removed", word="store-slow")
        return {"removed": 3}

    async with server.serving(tmp_path / "x.db", {"prune": long_work}) as served:
        assert await client.ask(served.path, "prune", {}) == {"removed": 3}
        with pytest.raises(RelayError, match="not all was removed") as raised:
            await client.ask(served.path, "prune", {"fail": True})
    assert (raised.value.word, raised.value.exit_code) == ("store-slow", Exit.FAILED)


async def test_a_fault_in_an_action_is_told_as_one(tmp_path: Path) -> None:
    """The asker hears that it is the engine's own, with nothing of what it was about."""

    async def broken(params: Mapping[str, Any]) -> dict[str, Any]:
        raise KeyError("iban AE07")

    async with server.serving(tmp_path / "x.db", {"broken": broken}) as served:
        with pytest.raises(RelayError, match="KeyError in action broken") as raised:
            await client.ask(served.path, "broken", {})
    assert raised.value.word == "bug"
    assert "AE07" not in str(raised.value)


async def test_an_engine_that_says_nothing_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, as a stopped process does, and no more: that ends after a few seconds."""
    monkeypatch.setattr(client, "SILENT_AFTER_S", 0.3)
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        begun = monotonic()
        with pytest.raises(Unreachable, match="said nothing") as silent:
            await client.ask(path, "status", {})
    assert silent.value.word == "engine-silent"
    assert monotonic() - begun < 5.0


@pytest.mark.parametrize("how", ["squatted", "open to others", "a link", "a file"])
async def test_a_folder_that_is_not_ours_alone_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The socket is never where others could reach it, and nobody can keep an engine from having one."""
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folders = [tmp_path / f"lean-relay-{os.getuid()}", tmp_path / "other"]
    monkeypatch.setattr(server, "_folders", lambda: iter(folders))
    for folder in folders:
        if how == "a file":
            folder.write_text("")
        elif how == "a link":
            folder.symlink_to(tmp_path)
        else:
            folder.mkdir(mode=0o700)
            folder.chmod(0o755 if how == "open to others" else 0o700)
            if how == "squatted":
                if os.getuid():
                    pytest.skip("only root can give a folder away")
                os.chown(folder, 65534, 65534)
    async with server.serving(tmp_path / "x.db", {"echo": echo}) as served:
        assert served.path.parent not in folders
        assert served.path.parent.stat().st_mode & 0o777 == 0o700
        assert await client.ask(served.path, "echo", {}) == {"said": {}}
    assert not served.path.parent.exists()
