"""JSON laid out: its own digits, its structure, and a path for each value."""

import json
import re

import pytest
from hypothesis import given

from relay.text.json_values import leaves
from tests.support import strategies
from tests.support.drawing import drawn
from tui.bodies import JsonDocument, open_body

_OUTSIDE = re.compile(r'"(?:[^"\\]|\\.)*"|(-?\d[\d.eE+-]*)')


def pretty(body: bytes) -> JsonDocument:
    """A body's pretty view."""
    document = open_body(body, "application/json").document("tree")
    assert isinstance(document, JsonDocument), document.notes
    return document


def numbers(document: JsonDocument) -> list[str]:
    """The spans that are numbers."""
    found = []
    for line in range(document.lines.count):
        found += [
            span.text for span in document.spans(line, *document.lines.bounds(line)) if span.style == "number"
        ]
    return found


@given(strategies.json_texts)
def test_each_number_keeps_its_digits(text: str) -> None:
    """The numbers that are drawn are those of the body, in order, digit by digit."""
    expected = [match[1] for match in _OUTSIDE.finditer(text) if match[1]]
    assert numbers(pretty(text.encode("utf-8", "surrogatepass"))) == expected


def test_odd_json_is_laid_out() -> None:
    """Repeated keys both, lone surrogates, huge numbers, NaN: shown as they are written."""
    digits = "9" * 5_000
    body = f'{{"a":1.00,"a":{digits},"s":"\\ud800","n":NaN,"i":[-Infinity,"NaN"]}}'.encode()
    document = pretty(body)
    assert drawn(document) == [
        "{",
        '  "a": 1.00,',
        f'  "a": {digits},',
        '  "s": "\\ud800",',
        '  "n": NaN,',
        '  "i": [',
        "    -Infinity,",
        '    "NaN"',
        "  ]",
        "}",
    ]
    assert document.notes == ("NaN and Infinity are not valid JSON: most parsers refuse this body",)
    assert document.value(2) == digits


@given(strategies.json_texts)
def test_paths_lead_to_values_and_back(text: str) -> None:
    """Each value that a comparison knows by its path is found on its line, and the line knows its path."""
    body = text.encode("utf-8", "surrogatepass")
    found = leaves(body)
    assert found is not None
    document = pretty(body)
    for path, value in found.items():
        line, exact = document.find_path(path)
        assert exact, path
        assert document.path(line) == path
        shown = document.value(line)
        assert shown == value or json.loads(shown) == json.loads(value)


@given(strategies.json_texts)
def test_structure(text: str) -> None:
    """Brackets end where they close, children point to their parents, folds are balanced."""
    document = pretty(text.encode("utf-8", "surrogatepass"))
    opened = [line for line in range(document.lines.count) if document.opens(line)]
    for line in opened:
        end = document.end(line)
        assert document.parent(end) == line
        assert document.path(end) == document.path(line)
        inner = [child for child in range(line + 1, end) if document.parent(child) == line]
        closing = [document.end(child) for child in inner if document.opens(child)]
        assert document.summary(line) == f"{len(inner):,}"
        assert not set(closing) - set(range(line, end))
    assert sorted(document.folds(deep=True)) == [(line, document.end(line)) for line in opened if line]


def test_a_value_as_text() -> None:
    """A bracket's value is what it holds, moved to the left margin; a closing bracket stands for it too."""
    document = pretty(b'{"a":{"b":[1.0,{"c":"\\u0041"}]}}')
    expected = '[\n  1.0,\n  {\n    "c": "\\u0041"\n  }\n]'
    assert document.value(2) == expected
    assert document.value(7) == expected
    assert document.value(5) == '"\\u0041"'
    assert document.path(5) == "a.b[1].c"


@pytest.mark.parametrize(
    ("path", "line"),
    [("nope", 0), ("a.x", 1), ("a.b[7]", 2), ("a.b.c", 2), ("a[0]", 1), ("..", 0), ("a..b", 1)],
)
def test_a_path_that_leads_nowhere(path: str, line: int) -> None:
    """The nearest value that it would stand in is named, and that it is not there."""
    assert pretty(b'{"a":{"b":[1,2]}}').find_path(path) == (line, False)


def test_keys_with_other_escapes() -> None:
    """A key is found by what it says, however it is written; of repeated ones the last counts."""
    document = pretty(b'{"\\u0061":1,"b":2,"b":3,"x y":{"\xc3\xa9":4}}')
    assert document.find_path("a") == (1, True)
    assert document.find_path("b") == (3, True)
    assert document.find_path('["x y"]["é"]') == (5, True)


def test_large_trees_open_folded() -> None:
    """What a fold hides is told by its count, or by its size where counting would take too long."""
    document = pretty(json.dumps({"items": [[1, 2]] * 400, "x": {"y": 1}}).encode())
    folds = dict(document.folds())
    assert folds[1] == document.end(1)
    assert folds[2] == 5
    assert document.summary(1) == "400"
    large = pretty(json.dumps(["x" * 100] * 30_000).encode())
    assert large.summary(0) == "3.0 MiB"
    assert not large.wraps
