"""The control socket: only its owner is heard."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from relay.control import client, exchange, lock, server
from relay.control.exchange import EngineRequest
from relay.control.messages import EngineStatus, ProcessStatus, StatusRequest, StopRequest, StopResult
from relay.errors import Exit, RelayError, Unreachable
from tests.support.waiting import until

CALL = b"POST /echo HTTP/1.1\r\nHost: engine\r\nContent-Length: 2\r\n\r\n{}"


class Said(msgspec.Struct, frozen=True):
    """An answer that repeats a question."""

    said: tuple[Any, ...]


class Echo(EngineRequest[Said], frozen=True, tag="echo"):
    """A question."""

    words: tuple[Any, ...] = ()


async def echo(request: Echo) -> Said:
    return Said(request.words)


async def test_requests_share_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other on the same, two at once on two, and another engine has its own. An idle one does
    not hold up the engine's end."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    accepted: list[object] = []
    made = RequestHandler.connection_made

    def connection_made(self: Any, transport: Any) -> None:
        accepted.append(transport)
        made(self, transport)

    monkeypatch.setattr(RequestHandler, "connection_made", connection_made)
    db = tmp_path / "relay.db"
    taken = lock.Lock.take(db)
    try:
        async with client.connection(db) as send:
            async with server.serving(db, {Echo: echo}) as served:
                taken.describe(lock.Holder(pid=os.getpid(), started_at=0.0, socket=str(served.path)))
                for number in range(3):
                    assert await send(Echo((number,))) == Said((number,))
                assert len(accepted) == 1
                both = await asyncio.gather(send(Echo((1,))), send(Echo((2,))))
                assert [*both] == [Said((1,)), Said((2,))]
                assert len(accepted) == 2
                # Another engine: the end of the connection to the one before may not have been read yet.
                taken.describe(lock.Holder(pid=os.getpid(), started_at=1.0, socket=str(served.path)))
                assert await send(Echo((3,))) == Said((3,))
                assert len(accepted) == 3
                begun = monotonic()
            assert monotonic() - begun < 1.0
            async with server.serving(db, {Echo: echo}):
                assert await send(Echo(("again",))) == Said(("again",))
    finally:
        taken.release()


async def test_an_answer_comes_back_as_it_was_given() -> None:
    """Parameters go in as JSON, the action's object comes out."""
    with TemporaryDirectory() as folder:
        async with server.serving(Path(folder, "x.db"), {Echo: echo}) as served:
            words = (1, "\u202e", "\udcff")
            assert await client.request_at(served.path, Echo(words)) == Said(words)
            assert served.path.stat().st_mode & 0o777 == 0o600
            assert served.path.parent.stat().st_mode & 0o777 == 0o700
        with pytest.raises(Unreachable):
            await client.request_at(served.path, Echo())
        assert not served.path.exists()


async def test_an_error_keeps_its_word_and_exit_code() -> None:
    """What an action raises for a person reaches the asker as the same error."""

    async def fail(request: Echo) -> Said:
        raise RelayError("no room left", word="store-full")

    with TemporaryDirectory() as folder:
        async with server.serving(Path(folder, "x.db"), {Echo: fail}) as served:
            with pytest.raises(RelayError, match="no room left") as raised:
                await client.request_at(served.path, Echo())
    assert (raised.value.word, raised.value.exit_code) == ("store-full", Exit.FAILED)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can speak as somebody else")
async def test_another_user_is_not_heard() -> None:
    """A process of another uid gets 403, even where file and folder would let it in."""
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        async with server.serving(Path(folder, "x.db"), {Echo: echo}) as served:
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
                        connection.sendall(CALL)
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

    async def long_work(request: Echo) -> Said:
        await asyncio.sleep(1.0)
        if request.words:
            raise RelayError("not all was removed", word="store-slow")
        return Said((3,))

    async with server.serving(tmp_path / "x.db", {Echo: long_work}) as served:
        assert await client.request_at(served.path, Echo()) == Said((3,))
        with pytest.raises(RelayError, match="not all was removed") as raised:
            await client.request_at(served.path, Echo(("fail",)))
    assert (raised.value.word, raised.value.exit_code) == ("store-slow", Exit.FAILED)


async def test_another_version_may_ask_for_the_status_and_the_end_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else is refused before it is done, with both versions and what ends the engine."""
    done: list[object] = []

    async def status(request: StatusRequest) -> EngineStatus:
        return EngineStatus(engine=ProcessStatus(pid=7))

    async def stop(request: StopRequest) -> StopResult:
        done.append(request)
        return StopResult(7)

    async def act(request: Echo) -> Said:
        done.append(request)
        return Said(())

    handlers: server.Handlers = {StatusRequest: status, StopRequest: stop, Echo: act}
    monkeypatch.setattr(client, "own_version", lambda: "9.8.7")
    async with server.serving(tmp_path / "x.db", handlers) as served:
        with pytest.raises(RelayError) as refused:
            await client.request_at(served.path, Echo())
        assert (await client.request_at(served.path, StatusRequest())).engine.pid == 7
        assert await client.request_at(served.path, StopRequest(yes=True)) == StopResult(7)
    assert done == [StopRequest(yes=True)]
    assert refused.value.word == "engine-version"
    for part in ("9.8.7", exchange.own_version(), "`lean-relay stop`"):
        assert part in str(refused.value)


async def test_an_answer_of_another_version_is_read_as_far_as_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fields that are missing have their default, unknown ones are passed over; more is `engine-version`."""
    answers: list[Any] = [
        {"engine": {"pid": 5, "mood": "good"}, "targets": [{"target": "http://a"}], "moons": 2},
        {},
        {"targets": 5},
    ]

    async def status(request: StatusRequest) -> Any:
        return answers.pop(0)

    async with server.serving(tmp_path / "x.db", {StatusRequest: status}) as served:
        monkeypatch.setattr(client, "own_version", lambda: "9.8.7")
        found = await client.request_at(served.path, StatusRequest())
        assert (found.engine.pid, found.engine.url, found.targets[0].waiting) == (5, None, None)
        assert await client.request_at(served.path, StatusRequest()) == EngineStatus()
        with pytest.raises(RelayError) as unreadable:
            await client.request_at(served.path, StatusRequest())
    assert unreadable.value.word == "engine-version"


async def test_a_client_before_versions_is_refused_in_its_own_form(tmp_path: Path) -> None:
    """A request without the frame, as early versions sent it, gets an error that those can read."""
    async with server.serving(tmp_path / "x.db", {Echo: echo}) as served:
        reader, writer = await asyncio.open_unix_connection(str(served.path))
        writer.write(CALL)
        status, *_, body = (await reader.readuntil(b"}")).split(b"\r\n")
        writer.close()
        await writer.wait_closed()
    assert status == b"HTTP/1.1 400 Bad Request"
    assert json.loads(body)["word"] == "engine-version"


async def test_a_fault_in_an_action_is_told_as_one(tmp_path: Path) -> None:
    """The asker hears that it is the engine's own, with nothing of what it was about."""

    async def broken(request: Echo) -> Said:
        raise KeyError("iban AE07")

    async with server.serving(tmp_path / "x.db", {Echo: broken}) as served:
        with pytest.raises(RelayError, match="KeyError in action echo") as raised:
            await client.request_at(served.path, Echo())
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
        with pytest.raises(Unreachable, match="sent nothing") as silent:
            await client.request_at(path, StatusRequest())
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
    async with server.serving(tmp_path / "x.db", {Echo: echo}) as served:
        assert served.path.parent not in folders
        assert served.path.parent.stat().st_mode & 0o777 == 0o700
        assert await client.request_at(served.path, Echo()) == Said(())
    assert not served.path.parent.exists()


async def test_an_action_whose_client_leaves_runs_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever that is: a removal that began is not left half done."""
    monkeypatch.setattr(server, "BEATS_EVERY_S", 0.01)
    begun, go_on, beating = asyncio.Event(), asyncio.Event(), asyncio.Event()
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    beats = server._beating

    async def work(request: Echo) -> Said:
        begun.set()
        try:
            await go_on.wait()
            ended.set_result("done")
        except asyncio.CancelledError:
            ended.set_result("cancelled")
            raise
        return Said(())

    async def beats_once_left(request: web.Request, acting: Any) -> web.StreamResponse:
        await until(lambda: request.transport is None, "the client to be gone")
        beating.set()
        return await beats(request, acting)

    monkeypatch.setattr(server, "_beating", beats_once_left)
    async with server.serving(tmp_path / "x.db", {Echo: work}) as served:
        call = exchange.encode(exchange.Call(exchange.own_version(), Echo()))
        _, writer = await asyncio.open_unix_connection(str(served.path))
        head = f"POST /echo HTTP/1.1\r\nHost: engine\r\nContent-Length: {len(call)}\r\n\r\n"
        writer.write(head.encode() + call)
        await begun.wait()
        writer.close()
        await beating.wait()
        await asyncio.sleep(0)
        go_on.set()
        assert await ended == "done"
