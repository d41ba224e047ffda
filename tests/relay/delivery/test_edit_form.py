"""The form of a request: what nobody changes comes back byte for byte, and what somebody does is read."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.control.messages import Edits
from relay.delivery.edit_form import read, written
from tests.support.factories import a_capture

HEADERS = (
    ("Content-Type", "application/json"),
    ("Host", "a"),
    ("Connection", "close"),
    ("X-Bytes", "\xff\x1b[31m é\\x"),
    ("X-Text", "é".encode().decode("latin-1")),
    ("X-Empty", ""),
    ("Content-Length", "2"),
)


def test_the_form_is_readable() -> None:
    """Remarks, request line, headers without those of the relay, an empty line, the body, one line feed."""
    form = written(a_capture(headers=HEADERS, body=b'{"a":1}'), ("Hello.",)).decode()
    remarks, head = form.split("POST", 1)
    assert re.fullmatch(r"# Hello\.\n(# .*\n)+", remarks)
    assert head == (
        " /webhooks/lean\n"
        "Content-Type: application/json\n"
        "X-Bytes: \\xFF\\x1B[31m \\xE9\\\\x\n"
        "X-Text: é\n"
        "X-Empty: \n"
        "\n"
        '{"a":1}\n'
    )


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"{}\n", b"\n\n", b"a\r\nb\r\n", b"# no remark", b"\xff\xfe", b"a\0b", "é".encode()]
)
def test_an_unchanged_form_changes_nothing(body: bytes) -> None:
    """Whatever the body is and ends with, and whatever bytes stand in the headers."""
    capture = a_capture(headers=HEADERS, body=body, target="/a?b=\xe9%20#\\")
    assert read(written(capture), capture) == Edits()


wire = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=12).map(
    lambda text: text.strip(" \t")
)
names = st.text("ABCabc#-_.'", min_size=1, max_size=5).filter(lambda name: name.lower() not in ("te",))


@example("POST", "/\xa0", (("A", "\xa0"),), b"\xa0")
@example("#", "#", (("#", "#"),), b"#")
@given(
    st.text("POSTpost#!", min_size=1, max_size=5),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=255, exclude_characters="\x7f"), min_size=1),
    st.lists(st.tuples(names, wire), max_size=4).map(tuple),
    st.binary(max_size=30) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
)
def test_any_request_comes_back(
    method: str, target: str, headers: tuple[tuple[str, str], ...], body: bytes
) -> None:
    """There and back again is where it began, and the form is valid UTF-8 for any editor."""
    capture = a_capture(method=method, target=target, headers=headers, body=body)
    form = written(capture)
    form.decode("utf-8")
    assert read(form, capture) == Edits()


def test_what_is_changed_is_read() -> None:
    """Method, target, headers with those outside the form at their place, and the body; else nothing."""
    capture = a_capture(headers=HEADERS, body=b'{"a":1}')
    form = written(capture)
    assert read(form.replace(b"POST /webhooks/lean", b"PUT /x?\\xFF"), capture) == Edits(
        method="PUT", target="/x?\xff"
    )
    assert read(form.replace(b'"a":1', b'"a":1.50'), capture) == Edits(body=b'{"a":1.50}')
    fewer = read(form.replace(b"X-Empty: \n", b"X-New: \xc3\xa9\n"), capture)
    assert fewer == Edits(
        headers=(
            HEADERS[0],
            HEADERS[3],
            HEADERS[4],
            ("X-New", "Ã©"),
            ("Host", "a"),
            ("Connection", "close"),
            ("Content-Length", "2"),
        )
    )


def test_what_editors_do_to_a_file_is_no_change() -> None:
    """A final line feed that is missing, blanks that went from a header, line ends of DOS in the head."""
    capture = a_capture(headers=(("X-Empty", ""),), body=b"{}")
    form = written(capture)
    assert read(form.removesuffix(b"\n"), capture) == Edits()
    assert read(form.replace(b"X-Empty: \n", b"X-Empty:\n"), capture) == Edits()
    head, _, body = form.partition(b"\n\n")
    assert read(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body, capture) == Edits()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"POST /webhooks/lean", b"", r"line \d: 'A: b' is not a valid request line"),
        (b"POST /webhooks/lean", b"POST", r"line \d: 'POST' is not a valid request line"),
        (b"A: b", b"A b", r"line \d: 'A b' is not a valid header"),
        (b"A: b", b"Host: b", r"line \d: Host is written by the relay"),
        (b"A: b", b"A: \\q", "has a single backslash"),
    ],
)
def test_what_cannot_be_read_is_said(old: bytes, new: bytes, words: str) -> None:
    """With the number of the line."""
    capture = a_capture(headers=(("A", "b"),))
    with pytest.raises(ValueError, match=words):
        read(written(capture).replace(old, new), capture)
    with pytest.raises(ValueError, match="no request line"):
        read(b"# nothing\n", capture)


def test_a_body_that_is_no_text_stays() -> None:
    """It is not in the form, which says so; a body written in its place is an error."""
    capture = a_capture(headers=(), body=b"\xff\xfe")
    form = written(capture)
    assert b"(2 bytes) is not text in UTF-8" in form
    assert read(form.replace(b"POST", b"PUT"), capture) == Edits(method="PUT")
    with pytest.raises(ValueError, match="cannot be edited here"):
        read(form + b"\n{}", capture)
