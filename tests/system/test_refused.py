"""Requests that are refused, over raw sockets: each is a refusal with its reason, and nothing is stored."""

from __future__ import annotations

import pytest

from tests.support.hostile import HOST, canary, head, last_id, refusals, relay, stored_since
from tests.support.program import Reply, Running, exchange, reading
from tests.support.waiting import wait_until

__all__ = ["relay"]

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
    "asterisk in place of a path": (head(b"POST", b"*", [HOST, _LENGTH]) + b"{}", 400),
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
    """Each refusal is counted in the database, alike ones together, with its reason."""
    for name in ("no host", "one byte too many", "from a web page", "HTTP/0.9"):
        # Tests are shared among processes: those above may have run in another one.
        assert exchange(relay.port, REFUSED[name][0]) is not None
        sent_in_vain.append(name)
    wait_until(lambda: refusals(relay) >= len(sent_in_vain), "the refusals' rows")
    assert refusals(relay) == len(sent_in_vain)
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
