"""What `import` takes, and what it passes over."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from io import BytesIO, RawIOBase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.archive.lines import lines
from relay.archive.reading import BadLine, ImportFile, Item
from relay.lean.signature import sign
from relay.models.imports import BundleSecret, ImportedCapture
from tests.support.factories import BODY

RECORD = {
    "id": "0f6c2f57-5f0e-4b7e-8f3d-7f1b6a1f2c33",
    "webhook_message_id": "b0a1c2d3-e4f5-4061-8273-94a5b6c7d8e9",
    "status": "OK",
    "event_type": "payment.updated",
    "timestamp": "2026-11-20T11:59:59.1Z",
    "response": None,
}
LINE: dict[str, Any] = {
    "kind": "capture",
    "id": 3,
    "received_at": "2026-11-20T12:00:00.000001Z",
    "method": "POST",
    "target": "/hook",
    "headers": [["Host", "a"], ["X", "\xff"]],
    "body": '{"amount":100.00}',
}
HEAD = {
    "kind": "export",
    "version": 1,
    "program": "lean-relay 0.1.0",
    "exported_at": "2026-11-20T12:00:00Z",
    "headers": "revealed",
    "redacted": None,
    "secret": None,
}


def read(data: bytes, secrets: dict[str, bytes] | None = None) -> list[Item]:
    return list(ImportFile(BytesIO(data), "file", secrets or {}, lambda _: "bundle:file").items())


def captures(data: bytes, secrets: dict[str, bytes] | None = None) -> list[ImportedCapture]:
    items = read(data, secrets)
    assert not [item for item in items if isinstance(item, BadLine)], items
    return [item for item in items if isinstance(item, ImportedCapture)]


def bad(data: bytes) -> list[tuple[int, str]]:
    return [(item.number, item.reason) for item in read(data) if isinstance(item, BadLine)]


def in_lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


@pytest.mark.parametrize(
    "data",
    [
        BODY,
        BODY + b"\n",
        b"\xef\xbb\xbf" + BODY,
        b'{"request":' + BODY + b"," + json.dumps(RECORD).encode()[1:],
        b'{"data":[' + BODY + b'],"page":{"number":0,"size":1,"total_elements":1,"total_pages":1}}',
        b'{\n "page": {"number": 0},\n "data": [\n' + BODY + b"\n]}",
        b"[" + BODY + b"]",
        b"[\n" + BODY + b"\n]\n",
    ],
    ids=["body", "line", "mark", "log entry", "page", "page on lines", "list", "list on lines"],
)
def test_an_event_in_each_form(data: bytes) -> None:
    """A body, an entry of Lean's log and a page of its Events API are events with the bytes of the file."""
    [found] = captures(data, {"mine": b"secret"})
    assert found.body == BODY
    assert found.event_type == "payment.updated"
    assert (found.method, found.target, found.signature) == ("POST", "/", "unchecked")
    assert json.loads(found.headers) == [["Content-Type", "application/json"]]


def test_several_bodies() -> None:
    """One on each line, blank lines between them; one over several lines is one event."""
    assert [each.body for each in captures(BODY + b"\n\n" + b'{"type":"x"}\r\n')] == [BODY, b'{"type":"x"}\r']
    laid_out = b'{\n "type": "a.b",\n "payload": {"amount": 1.00}\n}'
    assert [each.body for each in captures(laid_out)] == [laid_out]


def test_signatures_are_checked_here() -> None:
    """A line's own word does not count: the header is checked with the secrets of this machine."""
    signed = [*LINE["headers"], ["lean-signature", sign(LINE["body"].encode(), b"s")]]
    line = LINE | {"headers": signed, "signature": "invalid", "signed_by": "theirs"}
    [found] = captures(in_lines(line), {"mine": b"s"})
    assert (found.signature, found.signed_by) == ("valid", "mine")
    source = json.loads(found.source)
    assert (source["signature"], source["signed_by"]) == ("invalid", "theirs")
    assert next(iter(source)) == "digest"


def test_a_bundle_s_secret_checks_its_own_captures() -> None:
    """It is named by this database, and holds until the end of its export."""
    signed = [["lean-signature", sign(LINE["body"].encode(), b"throwaway")]]
    line = LINE | {"headers": signed}
    head, end = HEAD | {"secret": "throwaway", "headers": "redacted"}, {"kind": "export_end", "captures": 1}
    items = read(in_lines(head, line, end, HEAD, line | {"id": 4}, end), {"mine": b"s"})
    bundle, first, second = items
    assert isinstance(bundle, BundleSecret)
    assert (bundle.name, bundle.secret) == ("bundle:file", "throwaway")
    assert isinstance(first, ImportedCapture)
    assert isinstance(second, ImportedCapture)
    assert (first.signature, first.signed_by) == ("valid", "bundle:file")
    assert (second.signature, second.signed_by) == ("invalid", None)
    assert json.loads(first.source)["bundle"] == "bundle:file"
    assert "bundle" not in json.loads(second.source)


HOSTILE = [
    (LINE | {"method": "P" * 1_000_000}, "expected `str` of length <= 200"),
    (LINE | {"target": "/" * 1_000_000}, "expected `str` of length <= 65536"),
    (LINE | {"headers": [["N" * 1_000_000, "v"]]}, "its headers have more than 256 KiB"),
    (LINE | {"headers": [["a", "b"]] * 2000}, "expected `array` of length <= 1000"),
    (LINE | {"headers": [["a", "b\r\nInjected: yes"]]}, "has a line break or a NUL"),
    (LINE | {"headers": [["a", "\u202e"]]}, "has a character above U+00FF"),
    (LINE | {"headers": {"a": "b"}}, "expected `array`, got `object`"),
    (LINE | {"id": -1}, "expected `int` >= 0"),
    (LINE | {"id": 2**63}, "expected `int` <= 9223372036854775807"),
    (LINE | {"id": "3"}, "got `str`"),
    (LINE | {"received_at": "yesterday"}, "invalid RFC3339 encoded datetime"),
    (LINE | {"received_at": "2026-11-20T12:00:00"}, "a time has no offset"),
    (LINE | {"received_at": "0001-01-01T00:00:00+14:00"}, "a time is out of range"),
    (LINE | {"body": None}, "it has no body"),
    (LINE | {"body": None, "body_base64": "%%%"}, "a body is not valid base64"),
    (LINE | {"tls": {"certificate": "x" * 100_000}}, "its TLS facts have more than 64 KiB"),
    (LINE | {"answer": {"status": 10**20}}, "expected `int` <= 999"),
    (LINE | {"deliveries": [{"id": 1, "target": "x" * 5000, "kind": "live"}]}, "of length <= 2048"),
    ({"kind": "capture"}, "missing required field"),
    ({"kind": "refusal"}, "a line of this kind is not imported"),
    ("text", "it is not an event"),
    (5, "it is not an event"),
    (None, "it is not an event"),
]


@pytest.mark.parametrize(("line", "why"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_bad_line_costs_nothing_else(line: Any, why: str) -> None:
    """It is named by its number, in words that quote nothing of it, and its neighbours are taken."""
    items = read(in_lines(LINE, line, LINE | {"id": 4}))
    kinds = [type(item) for item in items]
    assert kinds == [ImportedCapture, BadLine, ImportedCapture]
    assert isinstance(items[1], BadLine)
    assert items[1].number == 2
    assert why in items[1].reason
    assert len(items[1].reason) < 300


@pytest.mark.parametrize(
    "raw",
    [
        b'{"kind":"capture","method":"POST","targ',
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"kind":"capture","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff\xfe\x00",
        b"\x1b]0;title\x07",
        b'{"kind":"capture","method":"POST","target":"\\ud800","headers":[],"body":""}',
    ],
    ids=["half", "deep", "deep list", "deep value", "binary", "escape", "surrogate"],
)
def test_raw_lines_that_are_no_json(raw: bytes) -> None:
    """Half a line, deep nesting, bytes of any kind: passed over at any place of the file."""
    for data in (in_lines(LINE) + raw + b"\n" + in_lines(LINE), in_lines(LINE, LINE) + raw):
        items = read(data)
        assert sum(isinstance(item, ImportedCapture) for item in items) == 2
        assert sum(isinstance(item, BadLine) for item in items) == 1
    items = read(raw + b"\n" + in_lines(LINE))
    assert [type(item) for item in items] == [BadLine, ImportedCapture]


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"hello\nworld\n", b"\x89PNG\r\n\x1a\n" + bytes(1000), b"\0" * 10]
)
def test_other_files_are_refused(data: bytes) -> None:
    """A file without anything to import is one bad line, or nothing for an empty one."""
    assert len(bad(data)) <= 1
    assert not [item for item in read(data) if isinstance(item, ImportedCapture)]


def test_values_are_bounded_and_cut() -> None:
    """Notes and reasons are cut as those written here are limited; a state of elsewhere is over here."""
    line = LINE | {
        "note": "é" * 10_000,
        "deliveries": [
            {"id": 1, "target": "http://a", "kind": "live", "state": "queued"},
            {"id": 2, "target": "http://a", "kind": "odd", "state": "ended", "reason": "x" * 10_000},
        ],
    }
    [found] = captures(in_lines(line))
    assert found.note is not None
    assert len(found.note.encode()) == 4096
    assert [(each.kind, each.reason and each.reason[:30]) for each in found.deliveries] == [
        ("live", "imported; it was queued there"),
        ("live", "x" * 30),
    ]


def test_a_file_that_is_cut_short_says_so() -> None:
    """An export without its last line, or with fewer captures than that says, is not whole."""
    end = {"kind": "export_end", "captures": 2}
    assert bad(in_lines(HEAD, LINE, LINE, end)) == []
    assert bad(in_lines(HEAD, LINE)) == [
        (3, "the last line of the export is missing, so it may be cut short")
    ]
    assert bad(in_lines(HEAD, LINE, end)) == [(3, "the export had 2 captures, and 1 are in the file")]
    assert bad(in_lines(HEAD | {"version": 2}, LINE, LINE, end)) == [
        (1, "the export is of a later form, 2; update lean-relay")
    ]
    curl = b"# " + in_lines(HEAD | {"version": 2}) + b"curl http://a\n"
    assert bad(curl) == [(1, "the export is of a later form, 2; update lean-relay")]


def test_attempts_belong_to_the_capture_before() -> None:
    """Those of another capture, and those before any, are passed over."""
    attempt = {
        "kind": "attempt",
        "delivery_id": 1,
        "capture_id": 3,
        "number": 1,
        "started_at": "2026-11-20T12:00:01Z",
        "elapsed_ms": 1.5,
        "outcome": "answered",
    }
    line = LINE | {"deliveries": [{"id": 1, "target": "http://a", "kind": "live"}]}
    items = read(in_lines(attempt, line, attempt, attempt | {"capture_id": 9}, attempt))
    assert [type(item).__name__ for item in items] == ["BadLine", "BadLine", "ImportedCapture"]
    assert isinstance(items[2], ImportedCapture)
    assert [each.elapsed_us for each in items[2].deliveries[0].attempts] == [1500, 1500]


keys = st.sampled_from(
    ("kind", "body", "headers", "method", "target", "payload", "request", "data", "page", "id")
)
values = st.recursive(
    st.sampled_from(
        ("capture", "attempt", "export", "export_end", "/", "\x1b", None, True, -1, 2**70, 1e300)
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=8,
)
odd_lines = (
    st.dictionaries(keys, values, max_size=6).map(lambda line: json.dumps(LINE | line).encode())
    | values.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=20)
    | st.sampled_from(
        (b"curl http://a", b"curl 'a", b"# {", b"\\", b"printf '\\1' | curl a", b"{", b"[", b'"')
    )
)


@pytest.mark.slow
@given(
    st.lists(odd_lines, max_size=5), st.sampled_from((b"", json.dumps(HEAD).encode() + b"\n", b"# x\n", b"["))
)
def test_no_file_is_an_accident(odd: list[bytes], before: bytes) -> None:
    """Whatever a file holds, each line is a capture, a secret or a bad line, and none is beyond the file."""
    data = before + b"\n".join(odd)
    items = read(data)
    assert {type(item) for item in items} <= {ImportedCapture, BadLine, BundleSecret}
    assert all(1 <= item.number <= data.count(b"\n") + 2 for item in items if isinstance(item, BadLine))


def test_a_long_line_is_skipped() -> None:
    """A line beyond the limit is not kept, whatever its length."""
    found = list(lines(BytesIO(b"ab\n" + b"x" * 50 + b"\ncd"), most=10))
    assert found == [(1, b"ab"), (2, None), (3, b"cd")]


@pytest.mark.slow
def test_many_lines_need_no_memory() -> None:
    """A million bad lines and captures are read one at a time."""

    class Lines(RawIOBase):
        def __init__(self) -> None:
            self._source: Iterator[bytes] = iter(
                in_lines(LINE | {"id": number}) if number % 10 == 0 else b'{"kind":"x"}\n'
                for number in range(100_000)
            )

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            data = next(self._source, b"")
            buffer[: len(data)] = data
            return len(data)

    from io import BufferedReader

    tracemalloc.start()
    count = sum(1 for _ in ImportFile(BufferedReader(Lines()), "file", {}, str).items())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_000
    assert peak < 5 * 1024 * 1024
