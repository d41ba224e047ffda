"""Edits of a request: what they change, what they leave, and what cannot be edited."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from relay.control.messages import Edits
from relay.delivery.edits import edited, is_signature_stale, parse_header, signed
from relay.lean.set_value import parse_splice
from relay.lean.signature import sign
from tests.support.factories import BODY, a_capture

HEADERS = (("Host", "a"), ("X-One", "1"), ("x-one", "2"), ("Lean-Signature", "sha512=old"), ("Z", "z"))


def test_no_edit_changes_nothing() -> None:
    """The capture comes back equal."""
    assert edited(a_capture(headers=HEADERS), Edits()) == a_capture(headers=HEADERS)


def test_edits_apply_in_order() -> None:
    """Replacements first, then values of the new body, then headers."""
    edits = Edits(
        method="PUT",
        target="/x",
        headers=(("A", "1"),),
        body=b'{"a": 1}',
        set=(("a", "2.00"), ("a", "3.00")),
        header=(("a", "4"), ("B", "5")),
    )
    made = edited(a_capture(headers=HEADERS), edits)
    assert (made.method, made.target, made.body) == ("PUT", "/x", b'{"a": 3.00}')
    assert made.headers == (("a", "4"), ("B", "5"))


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ((("x-ONE", "9"),), (("Host", "a"), ("x-ONE", "9"), *HEADERS[3:])),
        ((("X-One", None),), (HEADERS[0], *HEADERS[3:])),
        ((("New", "1"), ("new", "2")), (*HEADERS, ("New", "1"), ("new", "2"))),
        ((("X-One", "7"), ("X-One", "8")), (HEADERS[0], ("X-One", "7"), ("X-One", "8"), *HEADERS[3:])),
        ((("Absent", None),), HEADERS),
    ],
)
def test_headers_are_replaced_at_their_place(changes: Any, made: Any) -> None:
    """The first of a name is where the new ones stand; the others of the name go; new names come last."""
    assert edited(a_capture(headers=HEADERS), Edits(header=changes)).headers == made


def test_a_signature_takes_the_old_one_s_place() -> None:
    """It keeps the spelling and the place, and comes last where there was none."""
    secret = b"s"
    made = signed(a_capture(headers=HEADERS), secret)
    assert made.headers == (*HEADERS[:3], ("Lean-Signature", sign(BODY, secret)), HEADERS[4])
    assert signed(a_capture(headers=()), secret).headers == (("lean-signature", sign(BODY, secret)),)


def test_a_stale_signature_is_known() -> None:
    """Another body under the same signature; not another signature, no signature, or the same body."""
    came = a_capture(headers=HEADERS)
    changed = edited(came, Edits(body=b"x"))
    assert is_signature_stale(came, changed)
    assert not is_signature_stale(came, signed(changed, b"s"))
    assert not is_signature_stale(came, edited(came, Edits(header=(("Z", "y"),))))
    bare = a_capture(headers=())
    assert not is_signature_stale(bare, edited(bare, Edits(body=b"x")))


def test_a_path_that_leads_nowhere_names_the_capture() -> None:
    """And what the body is packed with, if it is."""
    with pytest.raises(ValueError, match=r"capture 1: the body has no payload\.x; "):
        edited(a_capture(), Edits(set=(("payload.x", "1"),)))
    packed = a_capture(headers=(("Content-Encoding", "gzip"),), body=b"\x1f\x8b")
    with pytest.raises(ValueError, match=r"is not JSON.*\(its Content-Encoding is gzip\)"):
        edited(packed, Edits(set=(("a", "1"),)))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("A: b", ("A", "b")),
        ("A:b: c ", ("A", "b: c")),
        ("A:", ("A", None)),
        ("X-É: 1", None),
        ("A: é", ("A", "Ã©")),
        ("A", None),
        (": b", None),
        ("A b: c", None),
        ("A: b\r\nC: d", None),
        ("host: x", None),
        ("Content-Length: 4", None),
        ("Transfer-Encoding: chunked", None),
        ("X-Lean-Relay:", None),
    ],
)
def test_headers_as_people_write_them(text: str, read: tuple[str, str | None] | None) -> None:
    """`Name: value` and `Name:`; what cannot be sent, or is the relay's to write, is an error."""
    if read is not None:
        assert parse_header(text) == read
        return
    with pytest.raises(ValueError, match=r"not a valid header|written by the relay|line break|header name"):
        parse_header(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("payload.amount=100.50", ("payload.amount", "100.50")),
        ("a=FAILED", ("a", '"FAILED"')),
        ('a="80"', ("a", '"80"')),
        ("a=", ("a", '""')),
        ("a=b=c", ("a", '"b=c"')),
        ('a={"x": 1.0}', ("a", '{"x": 1.0}')),
        ("a=NaN", ("a", '"NaN"')),
        ("a=é", ("a", '"é"')),
        ("a=1e400", ("a", "1e400")),
    ],
)
def test_values_as_people_write_them(text: str, read: tuple[str, str]) -> None:
    """JSON stays as it is written, digits and blanks; anything else is a text."""
    assert parse_splice(text) == read


@pytest.mark.parametrize("text", ["a", "=1", "a..b=1", "a=\udc80"])
def test_what_is_no_change(text: str) -> None:
    """No `=`, no path, no such path, no text."""
    with pytest.raises(ValueError, match=r"not a valid PATH=VALUE|not a valid path|not valid UTF-8"):
        parse_splice(text)


def test_edits_travel_as_json() -> None:
    """To the engine and back: bytes in base64, absent fields left out."""
    edits = Edits(body=b"\xff", set=(("a", "1"),), header=(("A", None),))
    sent = msgspec.json.decode(msgspec.json.encode(edits))
    assert sent == {"body": "/w==", "set": [["a", "1"]], "header": [["A", None]]}
    assert msgspec.convert(sent, Edits) == edits
