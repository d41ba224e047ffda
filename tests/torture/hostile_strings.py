"""Texts that a terminal would act on, webhooks full of them, and what of them reached a terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from uuid import uuid4

from tests.support.lean_requests import a_request
from tests.support.program import Running, exchange

BIDI = "".join(
    map(
        chr,
        (
            0x61C,
            0x180E,
            0x200B,
            0x200E,
            0x200F,
            *range(0x2028, 0x202F),
            0x2060,
            *range(0x2066, 0x206A),
            0xFEFF,
        ),
    )
)

MARKUP = (
    "[red]x[/red]",
    "[bold]x",
    "[/]",
    "[@click=app.exit]x[/]",
    "[@click=app.bell]x[/]",
    "[link=http://x]x[/link]",
    "[link='file:///etc/passwd']x[/]",
    "[$error]x",
    "[on red]x",
    "[reverse]x",
    "\\[x]",
    "[[x]]",
    ":smile:",
)


def hostile_strings() -> Iterator[str]:
    """Some seven hundred: controls, invisible characters, escape sequences in both widths, markup."""
    yield from map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0)))
    yield from BIDI
    yield from MARKUP
    for final in map(chr, range(0x40, 0x7F)):
        yield from (f"\x1b[{final}", f"\x1b[1;2{final}", f"\x9b3{final}", f"\x1b[?1049{final}")
        yield from (f"\x1b[>4;2{final}", f"\x9b?25{final}")
    for single in map(chr, range(0x30, 0x7F)):
        yield f"\x1b{single}"
    ends = ("\x07", "\x1b\\", "\x9c")
    for number, end in product((0, 1, 2, 4, 7, 8, 9, 10, 11, 12, 22, 50, 52, 104, 133, 777, 1337), ends):
        yield from (f"\x1b]{number};owned{end}", f"\x9d{number};owned{end}")
    for opening, end in product("P_^X\x90\x9f\x9e\x98", ends):
        begin = f"\x1b{opening}" if opening < "\x80" else opening
        yield from (f"{begin}$qm{end}", f"{begin}+q544e{end}", f"{begin}owned{end}")
    yield from (
        "\r\x1b[2K",
        "\x1b[2J\x1b[H",
        "\x1b[?2004h",
        "\x1b[?1003h",
        "\x1bc",
        "\x1b#8",
        "\x1b%@",
        "\x1b(0",
    )


def body_of(hostile: str) -> bytes:
    """An event with the text in each of its fields."""
    event = {
        "type": f"payment.created{hostile}",
        "payload": {
            "id": str(uuid4()),
            "customer_id": f"c{hostile}",
            "status": f"s{hostile}",
            "amount": 1,
            "currency": hostile,
            hostile: hostile,
        },
        "message": f"m{hostile}",
        "timestamp": f"2026-01-01T00:00:00{hostile}",
        "event_id": f"{uuid4()}{hostile}",
    }
    return json.dumps(event).encode()


def post(program: Running, text: str, name: str) -> None:
    """Post an event with a text in it, in a header too where HTTP lets it in."""
    plain = text if all(character >= " " and character != "\x7f" for character in text) else ""
    headers = (("Content-Type", "application/json"), ("X-Text", f"{name}{plain}".encode().decode("latin-1")))
    reply = exchange(program.port, a_request(body_of(text), headers=headers))
    assert reply is not None
    assert reply.status == 200


_SEQUENCE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*([@-~])"
    rb"|\x1b\]([0-9]*)[^\x07\x1b]*(?:\x07|\x1b\\)"
    rb"|\x1b([PX^_]).*?\x1b\\"
    rb"|\x1b([ -/]*[0-~])",
    re.DOTALL,
)

_ACTED_ON = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|" + b"|".join(each.encode() for each in BIDI)
)


def sequences(written: bytes) -> set[tuple[bytes, ...]]:
    """The kinds of escape sequences in it: which introducer and which final byte or number."""
    return {tuple(group or b"" for group in found.groups()) for found in _SEQUENCE.finditer(written)}


def hostile_bytes(written: bytes, *, at_a_terminal: bool = False) -> int:
    """How many bytes a terminal would act on.

    Args:
        at_a_terminal: a screen drew it, with sequences of its own, which `sequences` compares.
    """
    rest = _SEQUENCE.sub(b"", written) if at_a_terminal else written
    return len(_ACTED_ON.findall(rest))
