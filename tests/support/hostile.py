"""Raw requests to one program for a whole test file, and what it stored of them."""

from __future__ import annotations

import contextlib
import json
import random
import socket
from collections.abc import Iterator

import pytest

from tests.support.lean_requests import a_body, a_request
from tests.support.program import Running, connect, exchange, reading, running

Stored = tuple[str, str, list[list[str]], bytes]
"""Method, target, headers in wire order, body."""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One program for all of this file: what one request breaks, the next one meets."""
    with running(tmp_path_factory.mktemp("relay"), "--max-body", "300k") as program:
        yield program
        assert program.process.poll() is None, program.said
        assert "Traceback" not in program.said, program.said
        assert program.stop() == 0, program.said


def last_id(program: Running) -> int:
    """The newest capture's id, 0 without any."""
    with reading(program.db) as log:
        return int(log.execute("SELECT coalesce(max(id), 0) FROM captures").fetchone()[0])


def stored_since(program: Running, after: int) -> list[Stored]:
    """The captures after an id, oldest first."""
    with reading(program.db) as log:
        rows = log.execute(
            "SELECT method, target, headers, body FROM captures WHERE id > ? ORDER BY id", (after,)
        ).fetchall()
    return [(method, target, json.loads(headers), bytes(body)) for method, target, headers, body in rows]


def refusals(program: Running) -> int:
    """How many refusals are written down."""
    with reading(program.db) as log:
        return int(log.execute("SELECT coalesce(sum(count), 0) FROM refusals").fetchone()[0])


def canary(program: Running) -> None:
    """An ordinary webhook is taken and stored."""
    body = a_body()
    reply = exchange(program.port, a_request(body, target="/canary"))
    assert reply is not None, program.said
    assert reply.status == 200, program.said
    with reading(program.db) as log:
        query = "SELECT count(*) FROM captures WHERE target = '/canary' AND body = ?"
        assert log.execute(query, (body,)).fetchone() == (1,)


def head(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], version: bytes = b"HTTP/1.1"
) -> bytes:
    """A request's head, byte by byte as given."""
    lines = [b"%s %s %s" % (method, target, version), *(b"%s: %s" % pair for pair in headers)]
    return b"\r\n".join([*lines, b"", b""])


def as_stored(headers: list[tuple[bytes, bytes]]) -> list[list[str]]:
    """Headers as latin-1 pairs; blanks around a value are not part of it (RFC 9112, section 5.1)."""
    return [[name.decode("latin-1"), value.strip(b" \t").decode("latin-1")] for name, value in headers]


HOST = (b"Host", b"relay.test")


def taken(
    program: Running, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Send it with its length; it is answered 200 and stored as sent."""
    before = last_id(program)
    sent = [*headers, (b"Content-Length", b"%d" % len(body))]
    reply = exchange(program.port, head(method, target, sent) + body)
    assert reply is not None
    assert reply.status == 200, reply
    assert stored_since(program, before) == [
        (method.decode(), target.decode("latin-1"), as_stored(sent), body)
    ]


def mutations(count: int, seed: int) -> Iterator[bytes]:
    """Valid requests with bytes flipped, cut, doubled or moved."""
    rng = random.Random(seed)
    alphabet = b"\r\n\0 :;\t%\x1b\xff/aG0"
    for _ in range(count):
        headers = (("X-A", "b"), ("Content-Type", "a/b"))
        request = bytearray(a_request(b'{"type":"payment.updated"}', headers=headers))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(request))
            kind = rng.randrange(4)
            if kind == 0:
                request[at] = rng.choice(alphabet)
            elif kind == 1:
                del request[at : at + rng.randint(1, 8)]
            elif kind == 2:
                request[at:at] = request[at : at + rng.randint(1, 30)]
            else:
                request[at:at] = bytes([rng.choice(alphabet)])
            if not request:
                break
        yield bytes(request)


def mutate_and_watch(program: Running, count: int, seed: int) -> None:
    """Send each and stop sending; each 200 is a row, nothing more than was sent, and canaries pass.

    The program may close before it has answered a caller that stopped sending: rows without a 200
    are no lie.
    """
    before = last_id(program)
    fine = 0
    for number, request in enumerate(mutations(count, seed)):
        with connect(program.port) as connection, contextlib.suppress(ConnectionError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while data := connection.recv(65536):
                answer += data
            fine += answer.count(b"HTTP/1.1 200 OK") + answer.count(b"HTTP/1.0 200 OK")
        if number % 50 == 49:
            fine += 1
            canary(program)
    assert fine <= len(stored_since(program, before)) <= 3 * count
    assert program.process.poll() is None
