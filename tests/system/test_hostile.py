"""Requests from hell over raw sockets: what gets 200 is stored byte for byte, the rest is a refusal.

A canary request after each shows that the program lives on. Expected answers are those of aiohttp's
C parser; the relay's own rules are size, HTTP version and browsers' cross-site posts.
"""

from __future__ import annotations

import gzip
import json
import socket
import string
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.commands import body_of
from tests.support.hostile import (
    HOST,
    canary,
    head,
    last_id,
    mutate_and_watch,
    relay,
    stored_since,
    taken,
)
from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    RELAY,
    Running,
    connect,
    environment,
    exchange,
    lean_relay,
    read_reply,
    reading,
)
from tests.support.waiting import wait_until

__all__ = ["relay"]

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
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[:24].decode())
def test_odd_target(relay: Running, target: bytes) -> None:
    """A target is stored undecoded."""
    taken(relay, b"POST", target, [HOST], b"{}")
    canary(relay)


@pytest.mark.parametrize(
    "method", [b"GET", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"PROPFIND", b"PURGE", b"QUERY"]
)
def test_any_method(relay: Running, method: bytes) -> None:
    """Each method that the parser knows is taken, with its body."""
    taken(relay, method, b"/any", [HOST], b"abc")
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


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_caller_leaves_after_its_body(relay: Running, reset: bool) -> None:
    """A caller that hangs up without waiting for the answer does not undo the capture."""
    before = last_id(relay)
    bodies = [a_body() for _ in range(20)]
    for body in bodies:
        with connect(relay.port) as connection:
            connection.sendall(a_request(body))
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def kept() -> set[bytes]:
        return {body for _, target, _, body in stored_since(relay, before) if target != "/canary"}

    # A reset may overtake bytes that were not read yet, so not each of them arrives; those that do are whole.
    if not reset:
        wait_until(lambda: kept() == set(bodies), "all of them")
    canary(relay)
    assert kept() <= set(bodies)


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


def test_mutated_requests(relay: Running) -> None:
    """Broken requests end in a refusal or, where they still parse, in rows: one for each 200."""
    mutate_and_watch(relay, 300, seed=5)


def test_lists_survive_all_of_it(relay: Running) -> None:
    """What requests like those above leave is listed whole, as JSON and as text without a raw byte."""
    for name in ("escape sequences", "not UTF-8", "lone surrogate"):
        taken(relay, b"POST", b"/odd", [HOST, *HEADERS["bytes that are no UTF-8"]], BODIES[name])
    done = lean_relay(relay.folder, "list", "--all", "--json", "--db", str(relay.db))
    assert done.returncode == 0, done.stderr
    with reading(relay.db) as log:
        stored = log.execute("SELECT id, body FROM captures ORDER BY id").fetchall()
    listed = [(line["id"], body_of(line)) for line in map(json.loads, done.stdout.splitlines())]
    assert listed == stored
    plain = lean_relay(relay.folder, "list", "--all", "--db", str(relay.db))
    assert plain.returncode == 0, plain.stderr
    assert_clean(plain.stdout)


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
