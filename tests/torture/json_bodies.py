"""Some seven hundred bodies that are JSON, nearly JSON, or JSON of a kind that programs read differently."""

from __future__ import annotations

import codecs
import random
from collections.abc import Iterator

from tests.support.lean_requests import a_body

NUMBERS = (
    *("0", "-0", "0.0", "-0.0", "1", "-1", "100.00", "1250.50", "0.1", "1.10", "0e0", "0E+0", "1e5", "1E5"),
    *("1e+5", "1e-5", "1.5e300", "1e400", "-1e400", "1e-400", "1.0000000000000000000001"),
    *("12345678901234567890.123456789", "9007199254740993", "18446744073709551616", "-9223372036854775809"),
    *("3.141592653589793238462643383279", "0.30000000000000004", "4.9e-324", "2.2250738585072011e-308"),
    *("9" * 400, "9" * 5_000, "0." + "3" * 400, "-" + "1" * 100 + "e-99", "1e" + "9" * 30, "123e00065"),
)
"""Valid ones; each has to be shown with its own digits."""

NO_NUMBERS = (
    *("+1", "01", "-01", "00", "1.", ".5", "-.5", "-", "1e", "1e+", "1.e5", "1.5.5", "--1", "1 000", "1_000"),
    *("1,5", "0x1F", "0b1", "0o7", "1f", "1L", "NaN", "-NaN", "Infinity", "-Infinity", "inf", "1/2", "1ee5"),
    *("१२", "１", "1e१", "²", "\u22121", "$1", "1-1", "true1", "1true", "0e+-1", "- 1"),
)

NO_VALUES = (
    *("True", "TRUE", "nul", "nil", "undefined", "tru", "falsey", "None", "a", "'a'", "`a`", "\\u0061"),
    *("[1,]", "[,1]", "[1 2]", "[", "]", "[1", "1]", "{", "}", '{"a"', '{"a":', '{"a":1', '{"a":1,}', "{,}"),
    *('{"a" 1}', '{"a"=1}', "{a:1}", "{'a':1}", "{1:1}", "{null:1}", '{"a":1 "b":2}', '{"a":1,,"b":2}'),
    *("[1}", '{"a":1]', "{}{}", "[][]", "1 2", "{} x", "[1]//c", "[1]/*c*/", "/*c*/[1]", "#c\n[1]"),
    *('"', '"a', 'a"', '"a""b"', '"a"b', "[\f1]", "[\v1]", "[\u00a01]", "[\u2060]", ";[1]", "[1];", "<a/>"),
)

VALUES = (
    *("null", "true", "false", "[]", "{}", '""', " 1 ", "\t\r\n [ ]\n", '{"":1}', '{"a":1,"a":2}'),
    *('{"a":{"a":{"a":[]}}}', '{"__proto__":1}', '{"\\u0061":1,"a":2}', '[[],{},"",0,null,true,false]'),
    *('{"event_id":1}', '{"type":null}', '{"payload":"text"}', '{"type":"a","type":"b","event_id":"1"}'),
    *("[" * 100 + "]" * 100, "[" * 1_000 + "]" * 1_000, '{"a":' * 500 + "1" + "}" * 500),
    *("[" * 100_000, '{"a":' * 50_000, "[" * 100_000 + "]" * 100_000, "[" + "1," * 50_000 + "1]"),
    *('["' + "a" * 100_000 + '"]', "{" + ",".join(f'"{n}":{n}' for n in range(5_000)) + "}", " " * 10_000),
)

TEXTS = (
    *('\\"', "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u001b[2J", "\\u007f", "\\u0080"),
    *("\\u009b2J", "\\u00e9", "\\u202e", "\\u2028", "\\ufeff", "\\uffff", "\\ufdd0", "\\ud83d\\ude00"),
    *("\\ud800", "\\udc00", "\\udc00\\ud800", "\\ud800\\u0061", "\\uD800\\uDC00", "\\ud834\\udd1e"),
    *("é", "漢字", "😀", "e\u0301", "\u202e", "\u2028", "\u200b", "\ufeff", "\uffff", "\U0010ffff", "\x7f"),
    *("\x80", "\x9b", "a/b", "</script>", "${x}", "{{x}}", "%s", "'; DROP TABLE captures; --", "=1+1"),
)

NO_TEXTS = (
    *("\\a", "\\v", "\\x41", "\\0", "\\'", "\\u", "\\u1", "\\u12", "\\u123", "\\uZZZZ", "\\u 041", "\\U0041"),
    *("\\u00G0", "\\ud800\\", "\\ud800\\u", "\\ud800\\u1", "\\", "\\\n", "\\é", "\\\u2028"),
    *map(chr, range(0x20)),
)

NOT_UTF8 = (
    *(b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\x81", b"\xc2", b"\xe0\x80\xaf", b"\xe2\x82", b"\xed\xa0\x80"),
    *(
        b"\xed\xbf\xbf",
        b"\xef\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x9f\x98",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
    ),
    *(
        b"\xf8\x88\x80\x80\x80",
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xff\xfe",
        b"a\xffb",
        b"\xe9",
    ),
)


def json_bodies(generated: int) -> Iterator[bytes]:
    """All of them, and `generated` events with bytes changed at random, by a fixed seed."""
    for text in (*NUMBERS, *NO_NUMBERS, *NO_VALUES, *VALUES):
        yield text.encode()
    for text in (*NUMBERS, *NO_NUMBERS):
        yield f'{{"type":"payment.updated","payload":{{"amount":{text}}},"event_id":"n"}}'.encode()
    for text in (*TEXTS, *NO_TEXTS):
        yield f'"{text}"'.encode()
        yield f'{{"type":"{text}","message":"x{text}y","{text}":1}}'.encode()
    for data in NOT_UTF8:
        yield b'"' + data + b'"'
        yield b'{"type":"' + data + b'","event_id":"1"}'
    whole = a_body("00000000-0000-4000-8000-000000000000")
    for coding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-7", "cp037"):
        yield whole.decode().encode(coding)
    for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF8 * 2):
        yield mark + whole
        yield mark
    for end in range(0, len(whole), 3):
        yield whole[:end]
    chance = random.Random(3)
    for _ in range(generated):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(changed))
            changed[at : at + chance.randint(0, 3)] = bytes(chance.choices(b'{}[]",:\\u0e-+.\0\xff t', k=2))
        yield bytes(changed)
