"""Connections: each request on one is stored, answered, or counted as a refusal, exactly once."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from relay.models import NOT_WRITTEN
from relay.receiver.limits import ReceiverLimits
from tests.support.receiving import (
    Running,
    a_post,
    a_receiver,
    read_answer,
)
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("either_way")

Run = Callable[[Coroutine[Any, Any, None]], None]

BROKEN = b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSING = b"POST / HTTP/1.1\r\nHost: r\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1"


def statuses(answers: bytes) -> list[int]:
    """Those of the final answers, sorted."""
    found = (int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answers))
    return sorted(status for status in found if status != 100)


def counted(running: Running) -> tuple[int, int]:
    """How many captures and refusals there are."""
    return len(running.rows()), sum(running.refusals.counts.values())


SEQUENCES = {
    "whole before a broken one": (a_post(b"1") * 5 + BROKEN, [200] * 5 + [400]),
    "whole before bytes that are none": (a_post(b"1") * 2 + b"\x00\x01nonsense\r\n\r\n", [200, 200, 400]),
    "an upgrade that is not taken": (
        a_post(b"1", headers=[("Upgrade", "h2c"), ("Connection", "Upgrade")]) + a_post(b"2") * 2,
        [200] * 3,
    ),
    "an upgrade to websocket": (
        a_post(b"", headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")]) + a_post(b"2"),
        [200] * 2,
    ),
    "chunked, with extensions and trailers": (
        CHUNKED + b'3;a=b;c="d e"\r\nabc\r\n00;x\r\nX-Trailer: 1\r\n\r\n' + a_post(b"2"),
        [200] * 2,
    ),
    "chunked, then a broken one": (CHUNKED + b"1\r\na\r\n0\r\n\r\n" + BROKEN, [200, 400]),
    "a body behind broken chunks": (a_post(b"1") + CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", [200, 400]),
    "blank lines between": (a_post(b"1") + b"\r\n\r\n" + a_post(b"2") + b"\r\n", [200] * 2),
    "bytes behind Connection: close": (CLOSING + a_post(b"2"), [200]),
    "a head that goes on in the line below": (
        b"POST / HTTP/1.1\r\nHost: r\r\nX: a\r\n b\r\n\r\n" + a_post(b"2"),
        [400],
    ),
    "HEAD with a body": (
        b"HEAD / HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\nhi" + a_post(b"2"),
        [200] * 2,
    ),
    "of a web page, then of a server": (a_post(b"1", headers=[("Origin", "x")]) + a_post(b"2"), [200, 403]),
    "another protocol behind one": (a_post(b"1") + b"SOURCE / ICE/1.0\r\n\r\n", [200, 400]),
    "HTTP/1.0 that stays": (
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1" + a_post(b"2"),
        [200] * 2,
    ),
    "a Transfer-Encoding without chunks": (
        b"POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding:\r\nContent-Length: 3\r\n\r\n" + a_post(b"2"),
        [400],
    ),
    "a length that no memory has": (
        b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 18446744073709551615\r\n\r\n" + a_post(b"2"),
        [413],
    ),
    "a length with more zeros than a number may have digits": (
        b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: " + b"0" * 5000 + b"1\r\n\r\n1" + a_post(b"2"),
        [200] * 2,
    ),
    "a URL without a host": (b"GET http://[a:b]@/ HTTP/1.1\r\nHost: r\r\n\r\n", [400]),
    "CONNECT": (b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n", [200]),
    "CONNECT with a body": (b"CONNECT o:1 HTTP/1.1\r\nHost: o\r\nContent-Length: 3\r\n\r\nabc", [400]),
}


@pytest.mark.parametrize("at_once", [True, False], ids=["one segment", "byte by byte"])
async def test_each_request_is_stored_and_answered_or_refused_once(tmp_path: Path, at_once: bool) -> None:
    """However the bytes are cut: as many answers as requests, as many captures as 200s, the rest refusals."""
    async with a_receiver(tmp_path) as running:
        captures = refusals = 0
        for name, (data, expected) in SEQUENCES.items():
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            if at_once:
                writer.write(data)
            else:
                for number in range(len(data)):
                    writer.write(data[number : number + 1])
                    await asyncio.sleep(0)
            writer.write_eof()
            answers = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            assert statuses(answers) == expected, name
            before, (captures, refusals) = (captures, refusals), counted(running)
            assert captures - before[0] == expected.count(200), name
            # What comes behind the last request of a connection has no answer.
            behind = name == "bytes behind Connection: close"
            assert refusals - before[1] == len(expected) - expected.count(200) + behind, name


@pytest.mark.parametrize("data", [b"SOURCE / ICE/1.0\r\nHost: r\r\n\r\n", b"OPTIONS / RTSP/1.0\r\n\r\n",
                                  b"POST /HTTP RTSP/1.1\r\nHost: r\r\n\r\n"])  # fmt: skip
async def test_other_protocols_are_not_http(tmp_path: Path, data: bytes) -> None:
    """What the parser takes for HTTP, and is another protocol's, is refused."""
    async with a_receiver(tmp_path) as running:
        assert (await running.send(data)).startswith(b"HTTP/1.1 400 ")
        assert running.rows() == []
        (entry,) = running.refusals.take()
        assert (entry.reason, entry.detail) == (
            "malformed", "its request line is of another protocol than HTTP",
        )  # fmt: skip


@pytest.mark.parametrize("target", ["http://other:80/x?y", "/x"])
async def test_a_target_is_stored_as_it_came(tmp_path: Path, target: str) -> None:
    """In absolute form too."""
    async with a_receiver(tmp_path) as running:
        assert b" 200 " in await running.exchange(a_post(target=target))
        assert [row["target"] for row in running.rows()] == [target]


@pytest.mark.parametrize("last", [CLOSING, SEQUENCES["CONNECT"][0]], ids=["Connection: close", "CONNECT"])
async def test_bytes_after_the_last_request_are_counted(tmp_path: Path, last: bytes) -> None:
    """A caller that sends more than it may is told apart from a relay that stops."""
    async with a_receiver(tmp_path) as running:
        assert (await running.send(last + b"more")).startswith(b"HTTP/1.1 200 ")
        (entry,) = running.refusals.take()
        assert (entry.reason, entry.detail) == (
            "malformed", "4 bytes came after the last request of its connection",
        )  # fmt: skip


# -- a caller that has said all, or has gone --------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        a_post(b"1"),
        a_post(b"x" * 300_000),
        CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n1",
        a_post(b"1") * 3,
    ],
    ids=["small", "large", "chunked", "HTTP/1.0", "three"],
)
def test_a_caller_that_sends_no_more_gets_its_answer(tmp_path: Path, run: Run, data: bytes) -> None:
    """A half-closed connection is answered, then closed, and nothing is said of it."""

    async def scenario() -> None:
        async with a_receiver(tmp_path) as running:
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(data)
            writer.write_eof()
            answers = await asyncio.wait_for(reader.read(), 15)
            writer.close()
            count = data.count(b"HTTP/1.")
            assert statuses(answers) == [200] * count
            assert counted(running) == (count, 0)
            assert [row["answer_reason"] for row in running.rows()] == [None] * count

    run(scenario())


async def test_an_answer_that_could_not_be_written_is_marked(tmp_path: Path) -> None:
    """The caller has gone while the relay stored, so the capture says that its answer was not sent."""
    async with a_receiver(tmp_path, delay_s=0.5) as running:
        client = socket.create_connection(("127.0.0.1", running.port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        client.sendall(a_post(b"1"))
        await until(lambda: len(running.rows()) == 1, "the capture")
        client.close()  # A reset: nobody reads any more.
        await until(lambda: NOT_WRITTEN in str(running.rows()[0]["answer_reason"]), "the mark")
        assert running.rows()[0]["answer"] == 200
        assert running.rows()[0]["answer_reason"] == f"--respond-delay 0.5; {NOT_WRITTEN}"
        assert running.refusals.counts == {}
        await until(lambda: not running.receiver.connections.connections, "its end")


async def test_a_request_that_waits_for_the_store_gets_503_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay stops while the store is silent: 503, not just a closed connection."""
    added: list[asyncio.Future[int]] = []

    def add(*_: object) -> asyncio.Future[int]:
        added.append(asyncio.get_running_loop().create_future())
        return added[-1]

    async with a_receiver(tmp_path) as running:
        monkeypatch.setattr(running.writer, "add", add)
        sending = [asyncio.ensure_future(running.send(a_post())) for _ in range(2)]
        await until(lambda: len(added) == 2, "both requests")
        await running.receiver.stop(0.0)
        assert [statuses(await answers) for answers in sending] == [[503], [503]]
    assert running.refusals.counts == {"shutting-down": 2}


@pytest.mark.slow
@pytest.mark.parametrize("blank", [b"\r\n", b"\n", b"\r\n\r\n"])
async def test_a_blank_line_is_no_request(tmp_path: Path, blank: bytes) -> None:
    """Behind a body, at once or later, on a connection that stays: no refusal, and no answer to it."""
    async with a_receiver(tmp_path, limits=ReceiverLimits(head_s=0.3, idle_s=60.0)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(a_post(b"1"))
        await read_answer(reader)
        writer.write(blank)
        clock = running.receiver.connections.now
        await until(lambda: running.receiver.connections.now > clock + 1.0, "a head to be late")
        writer.write(a_post(b"2"))
        assert b" 200 " in await read_answer(reader)
        writer.write(blank)
        writer.close()
        await until(lambda: not running.receiver.connections.connections, "its end")
        assert counted(running) == (2, 0)


# -- deadlines, while nobody could read ------------------------------------------------------------


def stand_still(client: socket.socket, late: bytes, seconds: float) -> None:
    """What a stopped process sees: bytes come, and time goes by, while the loop does nothing."""
    client.sendall(late)
    time.sleep(seconds)


@pytest.mark.slow
@pytest.mark.parametrize("begin", [0, 10, -3], ids=["before it", "within its head", "within its body"])
def test_a_loop_that_stood_still_grants_the_time(tmp_path: Path, run: Run, begin: int) -> None:
    """Whole requests that wait in the socket when it goes on are stored, whatever deadlines have passed."""
    limits = ReceiverLimits(head_s=0.6, body_s=0.6, body_grace_s=0.6, idle_s=0.6)
    data = a_post(b"0123456789")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with a_receiver(tmp_path, limits=limits) as running:
            clients = []
            for kept in (False, True):
                client = socket.create_connection(("127.0.0.1", running.port))
                client.settimeout(15)
                clients.append(client)
                if kept:
                    client.sendall(data)
                    await until(lambda: len(running.rows()) == 1, "the first")
                    first = await loop.run_in_executor(None, client.recv, 1000)
                    assert first.startswith(b"HTTP/1.1 200 ")
                client.sendall(data[:begin])
            door = running.receiver.connections
            await until(
                lambda: (
                    len(door.connections) == 2 and (not begin or all(one.spoke for one in door.connections))
                ),
                "the beginnings",
            )
            for number, client in enumerate(clients):
                stand_still(client, data[begin:], 1.2 * number)
            for client in clients:
                answer = await loop.run_in_executor(None, client.recv, 1000)
                assert answer.startswith(b"HTTP/1.1 200 "), answer
                client.close()
            assert counted(running) == (3, 0)

    run(scenario())


class EndedTransport(asyncio.Transport):
    """As the loop leaves it inside TLS between the end of a connection and the call that reports it."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None:
        pass


async def test_a_connection_that_ends_at_its_deadline_leaves_all_others_theirs(tmp_path: Path) -> None:
    """Its socket is gone when the clock looks at it; a head that never ends is refused as before."""
    async with a_receiver(tmp_path, limits=ReceiverLimits(head_s=0.2)) as running:
        ended = running.receiver.connections.connection("{}")
        ended.connection_made(EndedTransport())
        assert b" 408 " in await running.send(b"POST / HT")
        ended.connection_lost(None)


# -- large bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_bodies_wait_for_room_and_are_all_stored(tmp_path: Path, chunked: bool) -> None:
    """With room for two at a time twelve at once are twelve 200s: the others are not read meanwhile."""
    body = b"x" * 400_000
    data = CHUNKED + b"61a80\r\n" + body + b"\r\n0\r\n\r\n" if chunked else a_post(body)
    most = 0
    async with a_receiver(
        tmp_path, limits=ReceiverLimits(bodies_in_flight=900_000, max_body=430_000)
    ) as running:

        async def one() -> bytes:
            nonlocal most
            answer = await running.exchange(data)
            most = max(most, running.receiver.connections.budget.used)
            return answer

        answers = await asyncio.gather(*(one() for _ in range(12)))
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
        assert [len(row["body"]) for row in running.rows()] == [400_000] * 12
        assert most <= 900_000
        assert running.receiver.connections.budget.used == 0
        assert running.refusals.counts == {}


@pytest.mark.slow
async def test_what_is_refused_leaves_no_room_taken(tmp_path: Path) -> None:
    """Too large, broken, too slow, left: whatever ends a large body gives its room back."""
    limits = ReceiverLimits(bodies_in_flight=500_000, max_body=400_000, body_s=3.0, body_grace_s=0.3)
    async with a_receiver(tmp_path, limits=limits) as running:
        budget = running.receiver.connections.budget
        assert b" 413 " in await running.exchange(CHUNKED + b"100000\r\n" + b"x" * 0x100000)
        assert b" 400 " in await running.exchange(CHUNKED + b"20000\r\n" + b"x" * 0x20000 + b"no")
        assert b" 408 " in await running.exchange(a_post(b"x" * 300_000)[:200_000])
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(a_post(b"x" * 300_000)[:200_000])
        await until(lambda: budget.used == 300_000, "its room")
        writer.close()
        await until(lambda: running.refusals.counts["hung-up"] == 1, "the refusal")
        assert budget.used == 0
        assert running.refusals.counts == {"too-large": 1, "malformed": 1, "body-timeout": 1, "hung-up": 1}
