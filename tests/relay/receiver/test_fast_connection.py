"""The short way of plain requests: it is taken, and no caller and no row can tell it from the other way."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.receiver.connection import Connection
from relay.receiver.limits import ReceiverLimits
from tests.relay.receiver.test_receiver import EVENT, signed
from tests.support.certificates import Pki
from tests.support.https import client_context, serving
from tests.support.receiving import Running, a_post, a_receiver, read_answer

SECRET = b"s3cret"
LIMITS = ReceiverLimits(max_body=100_000)

SIZES = (0, 1, 2, 300, 65_536, 65_537, 100_000, 100_001)

BODIES = st.one_of(
    st.sampled_from((EVENT, b"", b"{}", b"\x00\xff", EVENT.replace(b"b0a1", b"ffff"))),
    st.sampled_from(SIZES).map(lambda size: b"x" * size),
)

HEADERS = st.lists(
    st.sampled_from(
        (
            ("X-One", "1"),
            ("x-one", "caf\xe9 \xff"),
            ("lean-signature", "sha512=00"),
            signed(EVENT, SECRET),
            ("X-Lean-Relay-Sample", "1"),
            ("Upgrade", "websocket"),
            ("Sec-Fetch-Site", "none"),
            ("Origin", "https://evil.example"),
            ("Expect", "100-continue"),
            ("Host", "again"),
        )
    ),
    max_size=3,
)

ODD = st.sampled_from(
    (
        b"HEAD /x HTTP/1.1\r\nHost: r\r\n\r\n",
        b"GET http://other/x?y HTTP/1.1\r\nHost: other\r\n\r\n",
        b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1",
        b"POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"\r\n\r\n",
    )
)
"""Not plain, and the connection stays."""

LAST = st.sampled_from(
    (
        b"",
        b"POST / HTTP/1.1\r\nHost: r\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1",
        b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n1",
        b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n",
        b"POST / HTTP/2.0\r\nHost: r\r\nContent-Length: 1\r\n\r\n1",
        b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n1",
        b"POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding:\r\nContent-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 5\r\n\r\n123",
        b"SOURCE / ICE/1.0\r\n\r\n",
        b"nonsense\r\n\r\n",
    )
)
"""After it the connection ends."""

REQUESTS = st.one_of(
    st.builds(lambda body, headers: a_post(body, headers=headers), BODIES, HEADERS),
    st.just(a_post(EVENT, headers=[signed(EVENT, SECRET)])),
    ODD,
)

Cuts = list[tuple[int, bool]]
"""Where a stream is cut, in thousandths, and whether what came is handled before the next piece."""


class Both:
    """Two receivers, with the short way and without it."""

    def __init__(self, runner: asyncio.Runner, fast: Running, usual: Running) -> None:
        self._runner = runner
        self._receivers = (fast, usual)

    def compare(self, stream: bytes, cuts: Cuts) -> None:
        places = sorted({(len(stream) * at // 1000, rests) for at, rests in cuts})
        starts = [0, *(at for at, _ in places)]
        ends = [*(at for at, _ in places), len(stream)]
        rests = [*(each for _, each in places), False]
        pieces = [(stream[a:b], each) for a, b, each in zip(starts, ends, rests, strict=True)]
        fast, usual = (self._runner.run(outcome(running, pieces)) for running in self._receivers)
        assert fast == usual


async def outcome(running: Running, pieces: list[tuple[bytes, bool]]) -> tuple[Any, ...]:
    """All that a stream comes to: answers, rows, refusals, and room that stays taken."""
    door = running.receiver.connections
    (before,) = running.rows("SELECT count(*) AS count FROM captures")
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    for data, rests in pieces:
        writer.write(data)
        for _ in range(3):  # What was written is read in the next turn of the loop.
            await asyncio.sleep(0)
        while rests and any(one.task is not None for one in door.connections):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
    writer.write_eof()
    answers = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    while door.connections:  # noqa: ASYNC110
        await asyncio.sleep(0)
    rows = running.rows(f"SELECT * FROM captures WHERE id > {before['count']} ORDER BY id")
    for row in rows:
        del row["received_at"], row["client"]
    refusals = Counter((entry.reason, entry.detail, entry.count) for entry in running.refusals.take())
    return re.sub(rb"Date: [^\r]+", b"", answers), rows, refusals, door.budget.used


@settings(max_examples=60)
@given(st.lists(REQUESTS, max_size=6), LAST, st.lists(st.tuples(st.integers(0, 1000), st.booleans())))
def tell_apart(both: Both, requests: list[bytes], last: bytes, cuts: Cuts) -> None:
    """Send one stream to both."""
    both.compare(b"".join((*requests, last)), cuts)


def test_no_stream_tells_the_two_ways_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent, cut anywhere: the same answers, rows and refusals, whichever way a request goes."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        started = []
        for name in ("fast", "usual"):
            (tmp_path / name).mkdir()
            made = a_receiver(tmp_path / name, secrets={"sandbox": SECRET}, limits=LIMITS)
            started.append(runner.run(stack.enter_async_context(made)))
        usual = started[1].receiver.connections
        monkeypatch.setattr(usual, "connection", lambda tls=None: Connection(usual, tls))
        both = Both(runner, *started)
        try:
            both.compare(a_post(b"1") * 3 + a_post(b"x" * 70_000) + a_post(b"2"), [(300, True), (999, False)])
            tell_apart(both)
        finally:
            runner.run(stack.aclose())


async def refuse(*_: object) -> Any:
    """In place of the code for all other requests."""
    raise AssertionError


async def test_a_plain_request_has_no_task(tmp_path: Path) -> None:
    """It is stored and answered without the code of all others, which are not."""
    async with a_receiver(tmp_path) as running:
        running.receiver.connections.handle = refuse
        assert b" 200 " in await running.exchange(a_post(EVENT))
        assert b" 500 " in await running.exchange(a_post(b"x" * 65_537))
        assert b" 500 " in await running.send(b"HEAD / HTTP/1.1\r\nHost: r\r\n\r\n")
        assert [json.loads(row["body"])["type"] for row in running.rows()] == ["payment.updated"]


@pytest.mark.parametrize("client_auth", ["off", "optional"])
async def test_plain_requests_inside_tls(tmp_path: Path, pki: Pki, client_auth: str) -> None:
    """Whether the handshake is Python's or pyOpenSSL's: those behind each other, and one in two pieces."""
    tls = serving(pki, client_auth=client_auth, client_ca=pki.folder / "root.pem")
    async with a_receiver(tmp_path, tls=tls) as running:
        running.receiver.connections.handle = refuse
        context = client_context(pki)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=context, server_hostname="localhost"
        )
        for data in (a_post(b"1") + a_post(b"2"), a_post(b"3")[:30], a_post(b"3")[30:]):
            writer.write(data)
            await writer.drain()
        for _ in range(3):
            assert b" 200 " in await read_answer(reader)
        writer.close()
        await writer.wait_closed()
        rows = running.rows()
    assert [row["body"] for row in rows] == [b"1", b"2", b"3"]
    assert all(json.loads(row["tls"])["version"].startswith("TLS") for row in rows)
