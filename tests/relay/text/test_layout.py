import json

import pytest
from hypothesis import given

from relay.text.json_values import leaves
from relay.text.layout import hex_rows, indented, laid_out
from tests.support import strategies


def test_laid_out_keeps_digits_and_escapes() -> None:
    """JSON is indented, and each number and string stays as it is written."""
    text = laid_out(b'{"a":1.00,"b":[1e400,-0,12345678901234567890.123456789],"c":"\\u0041\\/","a":{}}')
    assert text is not None
    for part in ('"a": 1.00,', "1e400,", "-0,", "12345678901234567890.123456789", '"\\u0041\\/"', '"a": {}'):
        assert part in text


@pytest.mark.parametrize("body", [b"", b"text", b"\xff", b'"\xff"', b"[" * 100_000, b'{"a":NaN}', b"1 2"])
def test_what_is_no_json(body: bytes) -> None:
    """What is no JSON, or nested beyond reading, has no layout and no leaves, and raises nothing."""
    assert laid_out(body) is None
    assert leaves(body) is None


def test_leaves() -> None:
    """Values are found by path with their own digits; of a repeated key the last counts."""
    body = b'{"a":1.00,"a":{"b":[10,{"c d":null}],"e":[],"f":{}},"g":"\\u0041","h":true,"":0}'
    assert leaves(body) == {
        "a.b[0]": "10",
        'a.b[1]["c d"]': "null",
        "a.e": "[]",
        "a.f": "{}",
        "g": '"A"',
        "h": "true",
        '[""]': "0",
    }
    assert leaves(b"1e2") == {"": "1e2"}


@given(strategies.bodies)
def test_no_body_raises(body: bytes) -> None:
    """Whatever the bytes, they can be laid out or not, and where they can, the layout says the same."""
    text = laid_out(body)
    leaves(body)
    if text is not None:
        assert "".join(text.split()) == "".join(body.decode().split())
        json.loads(text, parse_int=str)


def test_hex_rows() -> None:
    """Sixteen bytes a row, with offset and ASCII."""
    assert list(hex_rows(bytes(range(0x3E, 0x50)))) == [
        "00000000  3e 3f 40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d  >?@ABCDEFGHIJKLM",
        f"00000010  {'4e 4f':47}  NO",
    ]
    assert list(hex_rows(b"\x00\x7f\xff")) == [f"00000000  {'00 7f ff':47}  ..."]


def test_half_a_surrogate_pair_is_json() -> None:
    """A lone surrogate is laid out as it is written, beside escaped backslashes and whole pairs."""
    assert indented(b'["\\ud800","\\\\ud800\\"","\\ud83d\\ude00"]').split() == [
        b"[",
        b'"\\ud800",',
        b'"\\\\ud800\\"",',
        b'"\\ud83d\\ude00"',
        b"]",
    ]
    with pytest.raises(ValueError, match="not JSON"):
        indented(b'["\\ud80"]')


def test_what_is_too_much_to_lay_out() -> None:
    """A body that would need too many blanks is refused before it takes memory, brackets in texts aside."""
    wide = b"[" * 100 + b"1," * 500_000 + b"1" + b"]" * 100
    with pytest.raises(ValueError, match=r"would take 9. MiB"):
        indented(wide)
    with pytest.raises(ValueError, match="would take"):
        indented(wide + b"]" * 1_000_000)
    with pytest.raises(ValueError, match="nested 129 deep"):
        indented(b"[" * 129 + b"]" * 129)
    assert indented(b"[" * 128 + b"]" * 128).count(b"[") == 128
    assert indented(b'["' + b"[" * 1000 + b'\\"{"]').count(b"\n") == 2
