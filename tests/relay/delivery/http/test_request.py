"""What a capture becomes on its way to a target."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.delivery.http.request import (
    HOP_BY_HOP,
    MARK,
    OURS,
    OutgoingRequest,
    build_request,
    destination,
    forwarding_loop,
    hop_count,
    sent_by,
)
from relay.models import Headers
from tests.support.factories import a_capture

NAMES = st.one_of(
    st.text(st.sampled_from("abcXYZ09-_!#$%&'*+.^`|~"), min_size=1, max_size=12),
    st.sampled_from(["Lean-Signature", "CONTENT-type", "Set-Cookie", "x-twice", "Accept"]),
)
VALUES = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\0\r\n"), max_size=30).map(
    lambda text: text.strip(" \t")
)
TRANSPORT_NAMES = st.sampled_from(
    [*sorted(HOP_BY_HOP | OURS), "Connection", "HOST", "Content-length", "Transfer-ENCODING", MARK]
)
HEADERS = st.lists(
    st.one_of(st.tuples(NAMES, VALUES), st.tuples(TRANSPORT_NAMES, st.one_of(VALUES, NAMES))), max_size=12
).map(tuple)
"""Header lists such as a receiver may have accepted, with a good share of those that are not sent on."""


def sent(headers: Headers, body: bytes = b"{}", method: str = "POST") -> OutgoingRequest:
    capture = a_capture(12, headers=headers, body=body, method=method)
    return build_request(capture, destination(":3000/hook"), instance="here")


def test_the_usual_webhook_keeps_its_shape() -> None:
    """Host and length are set where they stood, as they were spelt; ours is added at the end."""
    request = sent(
        (
            ("HOST", "relay.test"),
            ("lean-signature", "sha512=ab"),
            ("content-length", "2"),
            ("X-A", "1"),
            ("x-a", "\xff"),
        )
    )
    assert request.head() == (
        b"POST /hook HTTP/1.1\r\nHOST: localhost:3000\r\nlean-signature: sha512=ab\r\ncontent-length: 2\r\n"
        b"X-A: 1\r\nx-a: \xff\r\nConnection: close\r\nX-Lean-Relay: here;hop=1;capture=12\r\n\r\n"
    )
    assert request.body == b"{}"
    assert request.note is None


@pytest.mark.parametrize(
    ("text", "target", "host"),
    [
        (":3000", "/in?a=%20", "localhost:3000"),
        (":3000/", "/", "localhost:3000"),
        (":3000/hook?x=1", "/hook?x=1", "localhost:3000"),
        (":3000?x=1", "/?x=1", "localhost:3000"),
        ("http://[::1]:3000", "/in?a=%20", "[::1]:3000"),
        ("http://Backend.test:80", "/in?a=%20", "backend.test"),
        ("https://backend.test:443/a%2Fb", "/a%2Fb", "backend.test"),
        ("https://backend.test:80/", "/", "backend.test:80"),
        ("http://münchen.test/", "/", "xn--mnchen-3ya.test"),
    ],
)
def test_target_and_host(text: str, target: str, host: str) -> None:
    """A destination with a path gets exactly that; one without gets the target that came in."""
    request = build_request(a_capture(target="/in?a=%20"), destination(text), instance="here")
    assert request.target == target
    assert ("Host", host) in request.headers


def test_a_host_beyond_ascii_and_beyond_idna() -> None:
    """A host that has no form in ASCII is no target."""
    with pytest.raises(ValueError, match="ASCII"):
        destination("http://" + "ü" * 70 + "/")


@pytest.mark.parametrize("name", ["a..b", "a" * 64])
def test_a_server_name_that_no_certificate_can_have(name: str) -> None:
    """It is refused before a connection: there it would be an error of ours."""
    with pytest.raises(ValueError, match="is not a valid server name"):
        destination("https://localhost", server_name=name)


def test_an_absolute_target_never_moves_the_request() -> None:
    """An absolute-form target goes on in origin form; where it goes is the destination's alone."""
    to = destination(":3000")
    request = build_request(a_capture(target="http://evil.test/x"), to, instance="here")
    assert request.target == "/x"
    assert (to.host, to.port) == ("localhost", 3000)
    assert ("Host", "localhost:3000") in request.headers


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        ("http://a.test:80/x%20y?z=//", "/x%20y?z=//"),
        ("HTTPS://a.test", "/"),
        ("http://a.test?x=1", "/?x=1"),
        ("http://u:p@[::1]:80/x#y", "/x"),
        ("//a.test/x", "//a.test/x"),
        ("/x?u=http://b/", "/x?u=http://b/"),
        ("*", "*"),
    ],
)
def test_origin_form(target: str, origin: str) -> None:
    """What a proxy is asked for loses scheme and authority (RFC 9112, 3.2.2); all else stays as it is."""
    assert build_request(a_capture(target=target), destination(":3000"), instance="here").target == origin


@pytest.mark.parametrize(
    ("method", "target"), [("CONNECT", "a.test:443"), ("POST", "a.test:443"), ("CONNECT", "/x")]
)
def test_what_asks_for_a_tunnel_is_not_sent_on(method: str, target: str) -> None:
    """A backend that is a proxy itself would open it."""
    with pytest.raises(ValueError, match="never forwarded"):
        build_request(a_capture(method=method, target=target), destination(":3000"), instance="here")


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP - {"connection"} | {"expect"}))
def test_what_ends_here(name: str) -> None:
    """Hop-by-hop headers are not sent on, in whatever case they come."""
    request = sent((("Host", "a"), (name.title(), "x"), (name.upper(), "y")))
    assert [other for other, _ in request.headers if other.lower() == name] == []


def test_a_signature_that_connection_names() -> None:
    """What Connection names is left out, and the request tells of it; what is set anew stays."""
    request = sent(
        (
            ("Host", "a"),
            ("Connection", "close, Lean-Signature"),
            ("connection", "x-b,host, content-length ,x-lean-relay"),
            ("lean-signature", "sha512=ab"),
            ("X-B", "1"),
            ("X-C", "2"),
        )
    )
    names = [name for name, _ in request.headers]
    assert names == ["Host", "X-C", "Content-Length", "Connection", "X-Lean-Relay"]
    assert ("Connection", "close") in request.headers
    assert request.dropped == ("lean-signature", "X-B")
    assert request.note is not None
    assert "Connection header names it: lean-signature, X-B" in request.note


@pytest.mark.parametrize(
    ("headers", "method", "body", "length"),
    [
        ((), "GET", b"", None),
        ((), "HEAD", b"", None),
        ((), "DELETE", b"", None),
        ((), "POST", b"", "0"),
        ((), "PUT", b"", "0"),
        ((("Content-Length", "0"),), "GET", b"", "0"),
        ((("Transfer-Encoding", "chunked"),), "GET", b"", "0"),
        ((("Transfer-Encoding", "chunked"),), "POST", b"abc", "3"),
        ((("Content-Length", "7"), ("Content-Length", "7")), "POST", b"abc", "3"),
        ((), "GET", b"abc", "3"),
    ],
)
def test_one_length(headers: Headers, method: str, body: bytes, length: str | None) -> None:
    """One true Content-Length; none only where the original had no body and said nothing of one."""
    request = sent(headers, body, method)
    found = [value for name, value in request.headers if name.lower() == "content-length"]
    assert found == ([] if length is None else [length])


@pytest.mark.slow
@given(HEADERS, st.binary(max_size=40), st.sampled_from(["GET", "POST", "HEAD", "PATCH", "M-SEARCH"]))
@settings(deadline=None, max_examples=300)
def test_any_headers(headers: Headers, body: bytes, method: str) -> None:
    """What is sent is what came, in its order, less what must not be, with one Host, length and mark."""
    request = sent(headers, body, method)
    nominated = {
        option.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for option in value.split(",")
    }
    stays = [(n, v) for n, v in headers if n.lower() not in HOP_BY_HOP | OURS | nominated]
    assert [(n, v) for n, v in request.headers if n.lower() not in OURS] == [*stays, ("Connection", "close")]
    names = [name.lower() for name, _ in request.headers]
    assert names.count("host") == names.count(MARK.lower()) == 1
    assert names.count("content-length") <= 1
    assert request.head().count(b"\r\n") == len(request.headers) + 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "PO ST"}, "method"),
        ({"method": ""}, "method"),
        ({"target": "/a b"}, "request target"),
        ({"target": "/a\r\nX: y"}, "request target"),
        ({"target": ""}, "request target"),
        ({"target": "/\u20ac"}, "request target"),
        ({"headers": (("Host", "a"), ("X Y", "1"))}, "header name"),
        ({"headers": (("Host", "a"), ("X:", "1"))}, "header name"),
        ({"headers": (("Host", "a"), ("X", "1\r\nY: 2"))}, "line break"),
        ({"headers": (("Host", "a"), ("X", "1\n"))}, "line break"),
        ({"headers": (("Host", "a"), ("X", "\0"))}, "NUL"),
        ({"headers": (("Host", "a"), ("X", "\u20ac"))}, "latin-1"),
        ({"headers": ()}, "one Host"),
        ({"headers": (("Host", "a"), ("hOST", "b"))}, "one Host"),
        ({"headers": (("Host", "a"), ("Content-Length", "3"))}, "2 bytes"),
        ({"headers": (("Host", "a"), ("Content-Length", "2"), ("content-length", "2"))}, "2 bytes"),
        ({"headers": (("Host", "a"),)}, "2 bytes"),
        ({"headers": (("Host", "a"), ("Transfer-Encoding", "chunked"))}, "Transfer-Encoding"),
        ({"body": b"abc"}, "3 bytes"),
    ],
)
def test_what_could_be_read_in_two_ways_is_never_made(changes: dict[str, object], words: str) -> None:
    """No request with a broken line, a second framing or a false length can exist."""
    good = sent((("Host", "a"), ("Content-Length", "2")))
    with pytest.raises(ValueError, match=words):
        replace(good, **changes)  # type: ignore[arg-type]


def test_an_instance_that_would_break_the_mark() -> None:
    """The relay's own name cannot carry a second field into the mark."""
    with pytest.raises(ValueError, match="not a valid relay name"):
        build_request(a_capture(), destination(":3000"), instance="a;hop=0")


@pytest.mark.parametrize(
    ("values", "passed"),
    [
        ((), 0),
        (("a;hop=1;capture=5",), 1),
        (("a;hop=2;capture=5", "b;hop=1;capture=6"), 2),
        (("a;hop=1;capture=5, b;hop=2;capture=9",), 2),
        (("a; HOP=3",), 3),
        (("a",), 1),
        (("a;hop=x",), 1),
        (("a;hop=-4",), 1),
        (("a;hop=99999999999",), 1),
        (("",), 0),
    ],
)
def test_hops(values: tuple[str, ...], passed: int) -> None:
    """The highest hop of all marks counts; a mark that cannot be read is one hop."""
    assert hop_count(tuple((MARK.upper(), value) for value in values)) == passed


def test_the_next_hop_is_one_more_and_alone() -> None:
    """Marks that came in are replaced by one that counts on."""
    request = sent((("Host", "a"), (MARK, "x;hop=1;capture=5"), (MARK.lower(), "y;hop=2;capture=1")))
    assert [(n, v) for n, v in request.headers if n.lower() == MARK.lower()] == [
        (MARK, "here;hop=3;capture=12")
    ]


def test_a_circle_is_seen() -> None:
    """What this relay sent itself goes no further, nor what three relays have sent on."""
    assert forwarding_loop((), "here") is None
    assert forwarding_loop(((MARK, "there;hop=2;capture=1"),), "here") is None
    assert "3 relays" in str(forwarding_loop(((MARK, "there;hop=3;capture=1"),), "here"))
    assert "this relay itself" in str(forwarding_loop(((MARK, "here;hop=1;capture=1"),), "here"))
    assert sent_by(((MARK, "x;hop=1, here ;hop=2"),), "here")
    assert not sent_by(((MARK, "here2;hop=1"), ("X-Other", "here;hop=1")), "here")
