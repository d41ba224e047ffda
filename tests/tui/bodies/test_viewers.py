"""Any bytes under any name: a view is there, each row can be drawn, nothing is lost or hostile."""

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.text.safe import visible
from tests.support import strategies
from tests.support.drawing import drawn, rows_of
from tui.bodies import open_body

TYPES = (
    "",
    "application/json",
    "application/problem+json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/mixed",
    "text/plain; charset=latin-1",
    "text/plain; charset=utf-16",
    "text/plain; charset=rot13",
    'multipart/x; boundary="',
    "image/png",
)
HOSTILE = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x200B, 0xFEFF, 0x2028)))

bodies = st.one_of(
    strategies.bodies,
    st.binary(max_size=300),
    st.text(st.sampled_from(HOSTILE + "aé\U0001f600"), max_size=60).map(lambda text: text.encode()),
    st.lists(st.sampled_from((b"--x", b"--x--", b"\r\n", b"A: b", b"a=1", b"&", b"%0a", b"%zz", b"+"))).map(
        b"".join
    ),
    st.binary(max_size=50).map(gzip.compress),
    st.binary(max_size=50).map(zlib.compress),
)


@given(
    bodies,
    st.sampled_from(TYPES) | st.text(max_size=20),
    st.sampled_from(("", "gzip", "deflate", "br", "a, gzip")),
)
def test_whatever_the_bytes(body: bytes, content_type: str, encoding: str) -> None:
    """Each view of any body draws, at any width, with no hostile character; raw and hex are there."""
    opened = open_body(body, content_type, encoding)
    assert {"raw", "hex"} <= set(opened.names)
    for name in opened.names:
        document = opened.document(name)
        for width in (None, 8, 13, 200):
            drawn(document, width)
        for note in (*opened.notes, *document.notes):
            assert visible(note) == note


@given(
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=200)
)
def test_rows_hold_the_whole_body(body: bytes) -> None:
    """The pieces of all rows, with line feeds between lines, are the body's bytes, each once."""
    document = open_body(body, "text/plain").document("raw")
    for width in (4, 9, 80):
        rows = rows_of(document, width)
        lines: dict[int, bytes] = {}
        for row in range(rows.total):
            line, part = rows.place(row)
            start, stop, _ = rows.piece(line, part)
            lines[line] = lines.get(line, b"") + document.data[start:stop]
        assert b"\n".join(lines.values()) == document.data


def test_raw_shows_what_is_there() -> None:
    """Bytes that are no UTF-8 and characters that a terminal would act upon are shown as what they are."""
    document = open_body(
        b"a\xff\x1b[31m\x00\xc2\x9b\xe2\x80\xae\t\r\n[@click=app.quit]x[/]", "text/plain"
    ).document("raw")
    assert drawn(document) == ["a<FF>␛[31m␀<U+009B><U+202E>␉␍", "[@click=app.quit]x[/]"]
    odd = [span.text for span in document.spans(0, 0, 30) if span.style == "odd"]
    assert odd == ["<FF>␛", "␀<U+009B><U+202E>␉␍"]


def test_hex() -> None:
    """Rows as wide as there is room for, with what is ASCII."""
    document = open_body(bytes(range(0x3E, 0x50)), "image/png").document("hex")
    assert drawn(document) == [
        "00000000  3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d  >?@ABCDEFGHIJKLM",
        f"00000010  {'4e 4f':47}  NO",
    ]


@pytest.mark.parametrize(
    ("body", "content_type", "names"),
    [
        (b'{"a":1}', "application/json", ("pretty", "tree", "raw", "hex")),
        (b" \n[1]", "", ("pretty", "tree", "raw", "hex")),
        (b'"text"', "application/vnd.x+json", ("pretty", "tree", "raw", "hex")),
        (b"a=1", "application/x-www-form-urlencoded", ("form", "raw", "hex")),
        (b"--x\r\n\r\n1\r\n--x--", "multipart/form-data; boundary=x", ("multipart", "raw", "hex")),
        (b"text", "", ("raw", "hex")),
        (b"", "application/json", ("raw", "hex")),
        (b"\x89PNG\r\n\x1a\n\x00", "image/png", ("hex", "raw")),
        (gzip.compress(b"[1]", mtime=0), "", ("pretty", "tree", "raw", "hex", "received")),
    ],
)
def test_the_best_view_comes_first(body: bytes, content_type: str, names: tuple[str, ...]) -> None:
    """Which views a body has, by its type and by what it begins with."""
    assert open_body(body, content_type).names == names


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 100_000, "shown raw: nested 100,000 deep; only 128 levels can be indented"),
        (b'{"a":01}', "shown raw: not JSON: invalid number (byte 6)"),
        (b'{"a":"\xff"}', "shown raw: not UTF-8: byte 6 is ff"),
        (b'{"a":1', "shown raw: not JSON: it ends too early"),
    ],
)
def test_what_is_not_shown_is_raw_with_the_reason(body: bytes, reason: str) -> None:
    """A viewer that refuses leaves the raw bytes and one line that says why."""
    document = open_body(body, "application/json").document("pretty")
    assert document.notes == (reason,)
    assert document.data == body


def test_a_viewer_that_breaks_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails in a viewer, the raw bytes are shown."""
    opened = open_body(b"[1]", "application/json")
    monkeypatch.setattr("tui.bodies.viewers.laid_out", lambda _: 1 / 0)
    document = opened.document("pretty")
    assert document.notes == ("shown raw: the pretty view failed (ZeroDivisionError)",)
    assert drawn(document) == ["[1]"]


@pytest.mark.parametrize("charset", ["utf-16", "utf-8-sig"])
def test_byte_order_marks(charset: str) -> None:
    """JSON in UTF-16 or with a byte order mark is laid out, and the view says so."""
    opened = open_body(json.dumps({"a": "é"}, ensure_ascii=False).encode(charset), "application/json")
    assert drawn(opened.document("pretty")) == ["{", '  "a": "é"', "}"]
    assert len(opened.notes) == 1


def test_form() -> None:
    """Fields are decoded, one a line, in their order, repeated and odd ones too."""
    body = b"b=1&a=x+y%20z&b=%e2%82%ac&flag&=v&bad=%zz&nl=%0a%1b&raw=%ff"
    document = open_body(body, "application/x-www-form-urlencoded").document("form")
    assert drawn(document) == [
        "b = 1",
        "a = x y z",
        "b = €",
        "flag",
        " = v",
        "bad = %zz",
        "nl = ␊␛",
        "raw = <FF>",
    ]
    many = open_body(b"a=1&" * 30_000, "application/x-www-form-urlencoded").document("form")
    assert many.lines.count == 20_000
    assert many.notes == ("the first 20,000 fields; 10,001 more are in raw",)


def test_multipart() -> None:
    """Parts with their headers; text is shown, JSON laid out, other bytes named."""
    body = (
        b"preamble\r\n--x\r\nContent-Disposition: form-data; name=a\r\n\r\nline 1\r\nline 2\r\n"
        b'--x\r\nContent-Type: application/json\r\n\r\n{"n":1.00}\r\n--x\r\n\r\n\x00\xff\r\n--x--\r\n'
    )
    document = open_body(body, "multipart/form-data; boundary=x").document("multipart")
    assert drawn(document) == [
        "part 1, 14 bytes",
        "Content-Disposition: form-data; name=a",
        "",
        "line 1",
        "line 2",
        "",
        "part 2, 10 bytes",
        "Content-Type: application/json",
        "",
        "{",
        '  "n": 1.00',
        "}",
        "",
        "part 3, 2 bytes",
        "",
        "not text: 00 ff",
    ]
    assert document.notes == ()
    short = open_body(body[:60], "multipart/form-data; boundary=x").document("multipart")
    assert short.notes == ("cut short: the last boundary is missing",)
    many = open_body(
        b"--x\n\n" + b"\n--x\n\n".join([b"\n" * 200_000] * 4) + b"\n--x--", "multipart/x; boundary=x"
    )
    assert many.document("multipart").notes == ("parts after number 1 are only in raw",)
    lost = open_body(b"text", "multipart/form-data; boundary=x").document("multipart")
    assert lost.notes == ("shown raw: multipart, but its boundary is not in the body",)
