import json

import pytest
from hypothesis import given

from relay.bodies import hex_rows, laid_out, leaves
from tests import strategies


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
