"""One JSON value replaced: every other byte stays, whatever stands round it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.text import json_splice
from relay.text.json_splice import splice


@pytest.mark.parametrize(
    ("body", "path", "value", "made"),
    [
        ('{"a":1,"b":2}', "a", "100.50", '{"a":100.50,"b":2}'),
        ('{ "a" : 1.0e5 ,\n\t"b":2 }\n', "a", '"x"', '{ "a" : "x" ,\n\t"b":2 }\n'),
        ('{"a":{"b":[{"c":1},{"c":2}]}}', "a.b[1].c", "null", '{"a":{"b":[{"c":1},{"c":null}]}}'),
        ('{"a":1,"a":2,"a":3}', "a", "9", '{"a":1,"a":2,"a":9}'),
        ('{"p":{"x":1},"p":{"x":2,"x":3}}', "p.x", "9", '{"p":{"x":1},"p":{"x":2,"x":9}}'),
        ('{"p":{"x":1},"p":{"x":2}}', "p", "{}", '{"p":{"x":1},"p":{}}'),
        ("[1,[2,3]]", "[1][0]", "9", "[1,[9,3]]"),
        ('{"\\u0061":1}', "a", "9", '{"\\u0061":9}'),
        ('{"é":1}', "é", "9", '{"é":9}'),
        ('{"a.b":{"c[0]":1}}', '["a.b"]["c[0]"]', "9", '{"a.b":{"c[0]":9}}'),
        ('{"a":"}\\"]{","b":[ ]}', "b", "1", '{"a":"}\\"]{","b":1}'),
        ('{"n":12345678901234567890.000,"a":true}', "a", "false", '{"n":12345678901234567890.000,"a":false}'),
    ],
)
def test_just_that_value_changes(body: str, path: str, value: str, made: str) -> None:
    """Blanks, escapes, repeated keys and the digits of numbers stay; of a repeated key the last is meant."""
    assert splice(body.encode(), path, value) == made.encode()


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        ('{"payload":{"amount":1}}', "payload.amout", "did you mean payload.amount"),
        ('{"a":[1,2]}', "a[2]", r"the body has no a\[2\]; did you mean a\[1\], a\[0\]\?"),
        ('{"a":1}', "a.b", "the body has no a.b"),
        ('{"a":1}', "[0]", "the body has no"),
        ("[]", "a", "the body has no a$"),
        ("{}", "a", "the body has no a$"),
        ("", "a", "is not JSON"),
        ("a=1&b=2", "a", "is not JSON"),
        ('{"a":1', "a", "is not JSON"),
        ('{"a" 1}', "a", "is not JSON"),
        ('{"a":1}', "a..b", "is not a valid path"),
    ],
)
def test_a_path_that_leads_nowhere_is_said(body: str, path: str, words: str) -> None:
    """The message has the nearest paths; what is no JSON is called that."""
    with pytest.raises(ValueError, match=words):
        splice(body.encode(), path, "1")


keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=0, max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def places(value: Any, path: str = "") -> list[tuple[str, list[str | int]]]:
    """Each path of a value with every key in quotes, and the way there."""
    found: list[tuple[str, list[str | int]]] = [(path, [])]
    inside: list[tuple[str, str | int, Any]] = []
    if isinstance(value, dict):
        inside = [(f"[{json.dumps(key, ensure_ascii=False)}]", key, part) for key, part in value.items()]
    if isinstance(value, list):
        inside = [(f"[{index}]", index, part) for index, part in enumerate(value)]
    for step, key, part in inside:
        found += [(path + step + more, [key, *way]) for more, way in places(part)]
    return found


@given(values, st.booleans(), st.sampled_from([None, 1]), st.data())
def test_any_value_of_any_body(value: Any, ascii_only: bool, indent: int | None, data: st.DataObject) -> None:
    """Read again, the body differs at that place and nowhere else; and putting back gives the first bytes."""
    path, way = data.draw(st.sampled_from(places(value)))
    if not way:
        return
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    changed = splice(body, path, '"\\u0000new"')
    expected = json.loads(body)
    node = expected
    for step in way[:-1]:
        node = node[step]
    old, node[way[-1]] = node[way[-1]], "\0new"
    assert json.loads(changed) == expected
    again = splice(changed, path, json.dumps(old, ensure_ascii=ascii_only))
    assert json.loads(again) == value


def test_a_large_body_is_no_trouble() -> None:
    """Ten megabytes of nesting, strings and numbers before and behind the value stay as they are."""
    big = b'["' + b"\\\\x" * 1_500_000 + b'",' + b"[" * 100_000 + b"]" * 100_000 + b"]"
    body = b'{"before":' + big + b',"a":1,"behind":' + big + b"}"
    assert splice(body, "a", "2") == b'{"before":' + big + b',"a":2,"behind":' + big + b"}"


def test_a_long_key_over_many_values_is_no_trouble() -> None:
    """It is in the path of each value below it: of some gigabytes none are made to name similar paths."""
    body = json.dumps({"k" * 200_000: [*range(50_000)], "amount": 1}).encode()
    with pytest.raises(ValueError, match="the body has no amuont"):
        splice(body, "amuont", "2")


def test_many_escaped_names_are_each_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names are wanted: each of them would compare all others."""
    body = b"{%s}" % b",".join(b'"\\u0061%d":%d' % (number, number) for number in range(500))
    read: list[bytes] = []
    text = json_splice._text

    def counted(written: bytes) -> str | None:
        read.append(written)
        return text(written)

    monkeypatch.setattr(json_splice, "_text", counted)
    found = json_splice.spans(body, [(f"a{number}",) for number in range(500)])
    assert len(found) == 501
    assert len(read) == 500
