"""Requests from hell over raw sockets: what gets 200 is stored byte for byte, the rest is a refusal.

A canary request after each shows that the program lives on. Expected answers are those of aiohttp's
C parser; the relay's own rules are size, HTTP version and browsers' cross-site posts.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import random
import socket
import string
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    RELAY,
    Reply,
    Running,
    connect,
    environment,
    exchange,
    lean_relay,
    read_reply,
    reading,
    running,
)
from tests.support.waiting import wait_until

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
    """What was captured after an id, oldest first."""
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


# -- accepted ------------------------------------------------------------------------------------

BODIES = {
    "empty": b"",
    "no JSON": b"hello",
    "not UTF-8": bytes(range(256)) * 4,
    "NUL": b'{"event_id":"a\x00b"}',
    "deep": b"[" * 100_000,
    "deep in the payload": b'{"type":"payment.updated","payload":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "huge number": b'{"type":"x","event_id":"n","amount":' + b"9" * 5_000 + b"}",
    "digits that a float loses": b'{"amount":12345678901234567890.123456789,"rate":1e400,"zero":100.00}',
    "NaN": b'{"type":"payment.updated","amount":NaN,"x":Infinity}',
    "lone surrogate": b'{"type":"payment.updated","event_id":"\\ud800","message":"\\udfff"}',
    "repeated keys": b'{"event_id":"one","event_id":"two","type":"a","type":"b"}',
    "fields of other types": b'{"type":5,"payload":[],"message":{},"timestamp":true,"event_id":["x"]}',
    "timestamps from elsewhere": b'{"type":"a","event_id":"t","timestamp":"9999-99-99T99:99:99.9999999999Z"}',
    "escape sequences": b'{"type":"\\u001b]0;owned\\u0007","event_id":"\\u001b[2J"}'
    + b"\x1b]0;owned\x07\x1b[31m",
    "BOM": b"\xef\xbb\xbf" + b'{"type":"payment.updated"}',
    "UTF-16": '{"type":"payment.updated"}'.encode("utf-16"),
    "array": b"[1,2,3]",
    "form": b"a=1&b=%00&c=%zz",
    "multipart cut short": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nvalue\r\n--x-",
    "gzip": gzip.compress(b'{"type":"payment.updated"}'),
    "gzip bomb": gzip.compress(b"0" * 30_000_000, mtime=0),
    "whitespace": b" \r\n\t" * 1000,
    "exactly the largest": b"x" * 300 * 1024,
}


@pytest.mark.parametrize("name", BODIES)
def test_odd_body(relay: Running, name: str) -> None:
    """Any body is stored as it came, whatever it claims to be."""
    kind = {
        "form": b"application/x-www-form-urlencoded",
        "multipart cut short": b"multipart/form-data; boundary=x",
    }
    headers = [HOST, (b"Content-Type", kind.get(name, b"application/json"))]
    if name.startswith("gzip"):
        headers.append((b"Content-Encoding", b"gzip"))
    taken(relay, b"POST", b"/hook", headers, BODIES[name])
    canary(relay)


TARGETS = [
    b"/",
    b"//double//slashes///",
    b"/../../etc/passwd",
    b"/%00",
    b"/%2e%2e/%2F",
    b"/%zz%",
    b"/a?b=c&b=d&&=?#frag",
    b"/with;params=1",
    b"/'\"<>`{}|\\^~",
    b"/" + b"a" * 7_000,
    b"http://elsewhere.test/absolute?x=1",
    b"http://user:word@elsewhere.test:99/absolute",
    b"*",
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:24].decode())
def test_odd_target(relay: Running, target: bytes) -> None:
    """A target is stored undecoded, or the parser's refusal is a row; never half of it."""
    before = last_id(relay)
    reply = exchange(relay.port, head(b"POST", target, [HOST, (b"Content-Length", b"2")]) + b"{}")
    assert reply is not None
    if reply.status == 200:
        ((_, kept, _, body),) = stored_since(relay, before)
        assert (kept, body) == (target.decode("latin-1"), b"{}")
    else:
        assert reply.status == 400
        assert stored_since(relay, before) == []
    canary(relay)


@pytest.mark.parametrize(
    "method", [b"GET", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"PROPFIND", b"PURGE", b"QUERY"]
)
def test_any_method(relay: Running, method: bytes) -> None:
    """Each method that the parser knows is taken, with a body or without."""
    before = last_id(relay)
    reply = exchange(relay.port, head(method, b"/any", [HOST, (b"Content-Length", b"3")]) + b"abc")
    assert reply is not None
    assert reply.status in (200, 400)
    kept = [(name, body) for name, _, _, body in stored_since(relay, before)]
    assert kept == ([(method.decode(), b"abc")] if reply.status == 200 else [])
    canary(relay)


def test_head(relay: Running) -> None:
    """HEAD is taken and answered without a body."""
    before = last_id(relay)
    with connect(relay.port) as connection:
        connection.sendall(head(b"HEAD", b"/h", [HOST, (b"Connection", b"close")]))
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n")
    assert [method for method, *_ in stored_since(relay, before)] == ["HEAD"]


HEADERS: dict[str, list[tuple[bytes, bytes]]] = {
    "case and repeats": [(b"X-ThInG", b"1"), (b"x-thing", b"2"), (b"X-THING", b"1")],
    "bytes that are no UTF-8": [(b"X-Bytes", b"\xff\xfe\x80 caf\xe9")],
    "UTF-8": [(b"X-Name", "مرحبا".encode())],
    "empty value": [(b"X-Empty", b"")],
    "two signatures": [
        (b"lean-signature", b"sha512=" + b"0" * 128),
        (b"Lean-Signature", b"sha512=" + b"1" * 128),
    ],
    "signature of other bytes": [(b"lean-signature", b"sha512=\xe9\xff" + b"\x80" * 126)],
    "signature far too long": [(b"lean-signature", b"sha512=" + b"a" * 8_000)],
    "tabs inside": [(b"X-Tab", b"a\tb\t\tc")],
    "cookies that do not parse": [(b"Cookie", b'a=b; =; ;;; "x=\\"; $Version=9')],
    "content type that does not parse": [(b"Content-Type", b";;;=/=;charset=\xff")],
    "encodings that are unknown": [
        (b"Content-Encoding", b"br, zstd, nonsense"),
        (b"Accept-Encoding", b"*;q=x"),
    ],
    "upgrade": [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")],
    "names at their limits": [(b"!#$%&'*+-.^_`|~09az", b"token"), (b"x" * 200, b"long")],
    "many": [(b"X-%d" % number, b"%d" % number) for number in range(100)],
    "authority that is odd": [(b"X-Forwarded-Host", b"]["), (b"Forwarded", b'for="[::1";;host=')],
    "range and conditions": [
        (b"Range", b"bytes=-"),
        (b"If-Modified-Since", b"never"),
        (b"If-None-Match", b"*"),
    ],
}


@pytest.mark.parametrize("name", HEADERS)
def test_odd_headers(relay: Running, name: str) -> None:
    """Headers are kept in wire order with case, repeats and each byte."""
    taken(relay, b"POST", b"/h", [HOST, *HEADERS[name]], b"{}")
    canary(relay)


def test_expect_continue(relay: Running) -> None:
    """A caller that waits for `100 Continue` gets it, then its 200."""
    before = last_id(relay)
    with connect(relay.port) as connection:
        connection.sendall(
            head(b"POST", b"/e", [HOST, (b"Expect", b"100-continue"), (b"Content-Length", b"5")])
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"hello")
        reply = read_reply(connection)
    assert reply is not None
    assert reply.status == 200
    assert stored_since(relay, before)[0][3] == b"hello"


def test_chunked(relay: Running) -> None:
    """A chunked body is stored joined; chunk extensions and trailers are framing."""
    before = last_id(relay)
    chunks = b"5;ext=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-Trailer: t\r\n\r\n"
    reply = exchange(relay.port, head(b"POST", b"/c", [HOST, (b"Transfer-Encoding", b"chunked")]) + chunks)
    assert reply is not None
    assert reply.status == 200
    assert stored_since(relay, before)[0][3] == b"hello world"


def test_byte_by_byte(relay: Running) -> None:
    """A request that comes one byte at a time is the same request."""
    body = b'{"type":"payment.updated"}'
    request = a_request(body, target="/slow", headers=(), secret=None)
    before = last_id(relay)
    with connect(relay.port) as connection:
        for at in range(len(request)):
            connection.sendall(request[at : at + 1])
        reply = read_reply(connection)
    assert reply is not None
    assert reply.status == 200
    assert [(target, kept) for _, target, _, kept in stored_since(relay, before)] == [("/slow", body)]


def test_pipelined(relay: Running) -> None:
    """Requests sent in one piece are answered in order, each stored."""
    before = last_id(relay)
    bodies = [b'{"n":%d}' % number for number in range(20)]
    with connect(relay.port) as connection:
        connection.sendall(b"".join(a_request(body, headers=()) for body in bodies))
        for _ in bodies:
            reply = read_one(connection)
            assert reply == 200
    assert [body for *_, body in stored_since(relay, before)] == bodies


def read_one(connection: socket.socket) -> int:
    """The status of one answer, with not a byte read of the next one."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    length = int(received.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while length:
        length -= len(connection.recv(length))
    return int(received.split(b" ")[1])


def test_http_1_0(relay: Running) -> None:
    """HTTP/1.0 without keep-alive is answered and the connection closed."""
    before = last_id(relay)
    request = head(b"POST", b"/old", [(b"Content-Length", b"2")], b"HTTP/1.0") + b"{}"
    with connect(relay.port) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    assert answer.split(b" ")[1] == b"200"
    assert [target for _, target, _, _ in stored_since(relay, before)] == ["/old"]


def test_caller_leaves_after_its_body(relay: Running) -> None:
    """A caller that hangs up without waiting for the answer does not undo the capture."""
    before = last_id(relay)
    bodies = [a_body() for _ in range(20)]
    for body in bodies:
        with connect(relay.port) as connection:
            connection.sendall(a_request(body))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    # A reset may overtake bytes that were not read yet, so not each of them arrives; those that do are whole.
    canary(relay)
    kept = {body for _, target, _, body in stored_since(relay, before) if target != "/canary"}
    assert kept <= set(bodies)


# -- refused -------------------------------------------------------------------------------------

_LENGTH = (b"Content-Length", b"2")

REFUSED: dict[str, tuple[bytes, int]] = {
    "two lengths": (head(b"POST", b"/", [HOST, _LENGTH, (b"Content-Length", b"3")]) + b"abc", 400),
    "length and chunked": (
        head(b"POST", b"/", [HOST, _LENGTH, (b"Transfer-Encoding", b"chunked")]) + b"0\r\n\r\n",
        400,
    ),
    "negative length": (head(b"POST", b"/", [HOST, (b"Content-Length", b"-1")]), 400),
    "length in hex": (head(b"POST", b"/", [HOST, (b"Content-Length", b"0x2")]) + b"{}", 400),
    "length with a plus": (head(b"POST", b"/", [HOST, (b"Content-Length", b"+2")]) + b"{}", 400),
    "length beyond all": (head(b"POST", b"/", [HOST, (b"Content-Length", b"9" * 40)]), 400),
    "unknown transfer encoding": (head(b"POST", b"/", [HOST, (b"Transfer-Encoding", b"xchunked")]), 400),
    "broken chunk": (
        head(b"POST", b"/", [HOST, (b"Transfer-Encoding", b"chunked")]) + b"zz\r\nab\r\n0\r\n\r\n",
        400,
    ),
    "huge chunk": (
        head(b"POST", b"/", [HOST, (b"Transfer-Encoding", b"chunked")]) + b"f" * 30 + b"\r\n",
        400,
    ),
    "bare line feeds": (b"POST / HTTP/1.1\nHost: relay.test\nContent-Length: 2\n\n{}", 400),
    "no host": (head(b"POST", b"/", [_LENGTH]) + b"{}", 400),
    "two hosts": (head(b"POST", b"/", [HOST, (b"Host", b"other.test"), _LENGTH]) + b"{}", 400),
    "blank before the colon": (b"POST / HTTP/1.1\r\nHost : relay.test\r\nContent-Length: 2\r\n\r\n{}", 400),
    "folded header": (
        b"POST / HTTP/1.1\r\nHost: relay.test\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
        400,
    ),
    "header without colon": (b"POST / HTTP/1.1\r\nHost: relay.test\r\nnonsense\r\n\r\n", 400),
    "escape in a value": (head(b"POST", b"/", [HOST, (b"X", b"\x1b[2J"), _LENGTH]) + b"{}", 400),
    "NUL in a value": (head(b"POST", b"/", [HOST, (b"X", b"a\0b"), _LENGTH]) + b"{}", 400),
    "bytes in the path": (head(b"POST", b"/caf\xe9", [HOST, _LENGTH]) + b"{}", 400),
    "unknown method": (head(b"FOO", b"/", [HOST, _LENGTH]) + b"{}", 400),
    "no method": (b" / HTTP/1.1\r\n\r\n", 400),
    "blank line of nothing": (b"\0\0\0\0\r\n\r\n", 400),
    "HTTP/2 by prior knowledge": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2.0 as a version": (head(b"POST", b"/", [HOST, _LENGTH], b"HTTP/2.0") + b"{}", 505),
    "HTTP/0.9": (b"GET /\r\n\r\n", 505),
    "HTTP/9.9": (head(b"POST", b"/", [HOST, _LENGTH], b"HTTP/9.9") + b"{}", 400),
    "TLS to a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, 400),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 400),
    "header too long": (head(b"POST", b"/", [HOST, (b"X", b"a" * 20_000), _LENGTH]) + b"{}", 400),
    "target too long": (head(b"POST", b"/" + b"a" * 9_000, [HOST, _LENGTH]) + b"{}", 400),
    "too many headers": (head(b"POST", b"/", [HOST, *[(b"X", b"1")] * 200, _LENGTH]) + b"{}", 400),
    "too large, said before": (head(b"POST", b"/", [HOST, (b"Content-Length", b"10000000")]), 413),
    "too large, chunked": (
        head(b"POST", b"/", [HOST, (b"Transfer-Encoding", b"chunked")])
        + b"50000\r\n"
        + b"x" * 0x50000
        + b"\r\n0\r\n\r\n",
        413,
    ),
    "one byte too many": (
        head(b"POST", b"/", [HOST, (b"Content-Length", b"%d" % (300 * 1024 + 1))]) + b"x" * (300 * 1024 + 1),
        413,
    ),
    "from a web page": (head(b"POST", b"/", [HOST, (b"Origin", b"https://evil.test"), _LENGTH]) + b"{}", 403),
    "from a page without origin": (head(b"POST", b"/", [HOST, (b"Origin", b"null"), _LENGTH]) + b"{}", 403),
    "cross-site by its own word": (
        head(b"POST", b"/", [HOST, (b"Sec-Fetch-Site", b"cross-site"), _LENGTH]) + b"{}",
        403,
    ),
}


@pytest.fixture(scope="module")
def sent_in_vain() -> list[str]:
    """The names of what was refused so far."""
    return []


@pytest.mark.parametrize("name", REFUSED)
def test_refused(relay: Running, sent_in_vain: list[str], name: str) -> None:
    """What is refused gets its status, no capture, and an answer that tells a stranger nothing."""
    request, status = REFUSED[name]
    before = last_id(relay)
    reply = exchange(relay.port, request)
    assert reply is not None
    assert reply.status == status, reply
    assert_quiet(reply)
    assert stored_since(relay, before) == []
    sent_in_vain.append(name)
    canary(relay)


def test_refusals_are_rows(relay: Running, sent_in_vain: list[str]) -> None:
    """Each refusal above is counted in the log, alike ones together, with its reason."""
    wait_until(lambda: refusals(relay) >= len(sent_in_vain), "the refusals' rows")
    with reading(relay.db) as log:
        reasons = {reason for (reason,) in log.execute("SELECT reason FROM refusals")}
    assert reasons >= {"malformed", "too-large", "cross-site", "http-version"}


def assert_quiet(reply: Reply) -> None:
    """A refusal quotes nothing of the request, names no version, and lets no web page read it."""
    assert len(reply.body) < 200
    assert not {name for name in reply.headers if name.startswith("access-control")}
    assert "aiohttp" not in reply.headers.get("server", "").lower()


@pytest.mark.parametrize("path", ["/", "/api", "/metrics", "/status", "/captures", "/replay", "/admin"])
def test_one_answer_for_all_paths(relay: Running, path: str) -> None:
    """The port shows nothing: each path and Host gets the same fixed text."""
    answers = {
        exchange(relay.port, head(b"GET", path.encode(), [(b"Host", host)])).body  # type: ignore[union-attr]
        for host in (b"relay.test", b"localhost", b"127.0.0.1:1", b"evil.test")
    }
    assert answers == {b"stored\n"}


# -- generated -----------------------------------------------------------------------------------

_TOKEN = st.text("!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits, min_size=1, max_size=20)
_TAKEN_NAMES = (
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "origin",
    "sec-fetch-site",
    "expect",
    "upgrade",
    "keep-alive",
    "trailer",
    "lean-signature",
)
_NAMES = _TOKEN.filter(lambda name: name.lower() not in _TAKEN_NAMES).map(str.encode)
_VALUES = st.lists(st.sampled_from([9, *range(32, 127), *range(128, 256)]), max_size=60).map(bytes)


@settings(max_examples=80)
@given(
    headers=st.lists(st.tuples(_NAMES, _VALUES), max_size=12),
    target=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=80),
    body=st.one_of(
        st.binary(max_size=400),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(
                    st.sampled_from(["type", "event_id", "payload", "timestamp", "customer_id"])
                    | st.text(max_size=8),
                    inner,
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_generated_requests(
    relay: Running, headers: list[tuple[bytes, bytes]], target: str, body: bytes
) -> None:
    """Any well-formed request is stored with its bytes: target, headers in order, body."""
    taken(relay, b"POST", b"/" + target.encode(), [HOST, *headers], body)


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
        with connect(program.port) as connection, contextlib.suppress(ConnectionError, BrokenPipeError):
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


def test_mutated_requests(relay: Running) -> None:
    """Broken requests end in a refusal or, where they still parse, in rows: one for each 200."""
    mutate_and_watch(relay, 300, seed=5)


def test_lists_survive_all_of_it(relay: Running) -> None:
    """What the requests above left in the log is listed whole, as JSON and as text without a raw byte."""
    done = lean_relay(relay.folder, "list", "--all", "--json", "--db", str(relay.db))
    assert done.returncode == 0, done.stderr
    with reading(relay.db) as log:
        stored = log.execute("SELECT id, body FROM captures ORDER BY id").fetchall()
    listed = [(line["id"], body_of(line)) for line in map(json.loads, done.stdout.splitlines())]
    assert listed == stored
    plain = lean_relay(relay.folder, "list", "--all", "--db", str(relay.db))
    assert plain.returncode == 0, plain.stderr
    assert_clean(plain.stdout)


def body_of(line: dict[str, Any]) -> bytes:
    """The body of a capture's JSON, however it is written there."""
    text = line["body"]
    return base64.b64decode(line["body_base64"]) if text is None else text.encode()


def assert_clean(shown: str) -> None:
    """Nothing that a terminal acts upon, but for line ends."""
    raw = {
        character
        for character in shown
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    }
    assert not raw - {"\n"}


@pytest.mark.parametrize(
    "name", ["escape sequences", "not UTF-8", "deep in the payload", "gzip bomb", "huge number"]
)
@pytest.mark.parametrize(
    "how", [(), ("--http",), ("--curl",), ("--headers",)], ids=["plain", "http", "curl", "headers"]
)
def test_odd_bodies_are_shown(relay: Running, name: str, how: tuple[str, ...]) -> None:
    """Each way to show an odd capture ends well within its bound; for people nothing raw is printed."""
    before = last_id(relay)
    headers = [HOST, (b"X-Bytes", b"\xff\x80\t\xe2\x80\xae"), (b"lean-signature", b"sha512=\xe9")]
    taken(relay, b"POST", b"/%1b%5b2J?\x22'$(id)", headers, BODIES[name])
    done = lean_relay(relay.folder, "show", str(before + 1), *how, "--db", str(relay.db))
    assert done.returncode == 0, done.stderr
    if how in ((), ("--headers",)):
        assert_clean(done.stdout)


@pytest.mark.parametrize("name", ["escape sequences", "not UTF-8", "gzip bomb", "empty"])
def test_bodies_are_written_exactly(relay: Running, name: str) -> None:
    """`show --body` writes the bytes that came, no more and no fewer."""
    before = last_id(relay)
    taken(relay, b"POST", b"/exact", [HOST], BODIES[name])
    done = subprocess.run(
        [sys.executable, *RELAY, "show", str(before + 1), "--body", "--db", str(relay.db)],
        cwd=relay.folder,
        env=environment(relay.folder),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, BODIES[name]), done.stderr
