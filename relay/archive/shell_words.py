"""The words of a shell command, read without running anything. Pure.

Knows quotes, backslashes, `$'...'`, and `printf` with a text of its own, which is how our curl lines write
bytes. Any other expansion is refused, because only running it would show its result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MOST_COMMAND_BYTES = 128 * 1024 * 1024

_OPENS = re.compile(rb"""\\(?:.|\Z)|\$?'|\"""", re.DOTALL)
_CLOSES = {
    b"'": re.compile(rb"'"),
    b"$'": re.compile(rb"\\(?:.|\Z)|'", re.DOTALL),
    b'"': re.compile(rb"""\\(?:.|\Z)|\"""", re.DOTALL),
}
_IN_DOUBLE = re.compile(rb"""["\\$`]""")
_PLAIN = re.compile(rb"""[^\s'"\\|$`;&<>()]+""")
_PRINTF = re.compile(rb"\$\(printf '([^']*)'\)")
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|(.))", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_MARKS = b"\\'\"?"

UNKNOWN = "it has an expansion whose result only a shell knows"


def commands(numbered: Iterable[tuple[int, bytes | None]]) -> Iterator[tuple[int, bytes | None]]:
    """Each command with the number of its first line; None for one that is too long, or does not end.

    A command goes on over the end of a line inside quotes and after a backslash. Comments are left out.
    """
    parts: list[bytes] = []
    quote = b""
    start = size = 0
    for number, line in numbered:
        if not parts:
            if line is not None and (not line.strip() or line.lstrip().startswith(b"#")):
                continue
            start, size, quote = number, 0, b""
        if line is None or size + len(line) > MOST_COMMAND_BYTES:
            yield start, None
            parts = []
            continue
        parts.append(line)
        size += len(line) + 1
        quote = _open_after(line, quote)
        if not quote:
            yield start, b"\n".join(parts)
            parts = []
    if parts:
        yield start, None


def _open_after(line: bytes, quote: bytes) -> bytes:
    """The quote or the backslash that is open at the end of a line; empty for none."""
    at = 0
    quote = b"" if quote == b"\\" else quote
    while (found := (_CLOSES[quote] if quote else _OPENS).search(line, at)) is not None:
        at = found.end()
        if found[0] == b"\\":
            return quote or b"\\"
        if not found[0].startswith(b"\\"):
            quote = b"" if quote else found[0]
    return quote


def pipeline(command: bytes) -> list[list[bytes]]:
    """The words of each command of a pipeline.

    Raises:
        ValueError: they depend on an expansion, or a quote is open.
    """
    found: list[list[bytes]] = [[]]
    at = 0
    while at < len(command):
        if command[at : at + 1].isspace():
            at += 1
        elif command.startswith(b"\\\n", at):
            at += 2
        elif command[at : at + 1] == b"|":
            found.append([])
            at += 1
        else:
            word, at = _word(command, at)
            found[-1].append(word)
    return found


def _word(text: bytes, at: int) -> tuple[bytes, int]:
    parts = []
    while at < len(text) and not text[at : at + 1].isspace() and text[at : at + 1] != b"|":
        character = text[at : at + 1]
        if character == b"'":
            end = _end_of(text, b"'", at + 1)
            parts.append(text[at + 1 : end])
            at = end + 1
        elif character == b'"':
            part, at = _double(text, at + 1)
            parts.append(part)
        elif text[at : at + 2] == b"$'":
            part, at = _ansi(text, at + 2)
            parts.append(part)
        elif character == b"\\":
            if text[at + 1 : at + 2] != b"\n":
                parts.append(text[at + 1 : at + 2])
            at += 2
        else:
            plain = _PLAIN.match(text, at)
            if plain is None:
                raise ValueError(UNKNOWN)
            parts.append(plain[0])
            at = plain.end()
    return b"".join(parts), at


def _double(text: bytes, at: int) -> tuple[bytes, int]:
    parts: list[bytes] = []
    while True:
        character = text[at : at + 1]
        if not character:
            raise ValueError("a quote is not closed")
        if character == b'"':
            return b"".join(parts), at + 1
        if character == b"\\":
            following = text[at + 1 : at + 2]
            if following != b"\n":
                parts.append(following if following in b'"\\$`' else b"\\" + following)
            at += 2
        elif character == b"$" and (printf := _PRINTF.match(text, at)):
            parts.append(printed(printf[1]).rstrip(b"\n"))
            at = printf.end()
        elif character in b"$`":
            raise ValueError(UNKNOWN)
        else:
            found = _IN_DOUBLE.search(text, at)
            end = len(text) if found is None else found.start()
            parts.append(text[at:end])
            at = end


def _ansi(text: bytes, at: int) -> tuple[bytes, int]:
    start = at
    while (character := text[at : at + 1]) != b"'":
        if not character:
            raise ValueError("a quote is not closed")
        at += 2 if character == b"\\" else 1
    return _ESCAPE.sub(_unescaped, text[start:at]), at + 1


def printed(form: bytes) -> bytes:
    """The output of `printf` for a format without values.

    Raises:
        ValueError: it has values, or an escape that shells do not share.
    """
    if b"%" in form.replace(b"%%", b""):
        raise ValueError(UNKNOWN)
    return _ESCAPE.sub(_unescaped, form.replace(b"%%", b"%"))


def _unescaped(found: re.Match[bytes]) -> bytes:
    octal, hexadecimal, code, letter = found.groups()
    if octal is not None:
        return bytes((int(octal, 8) & 0xFF,))
    if hexadecimal is not None:
        return bytes((int(hexadecimal, 16),))
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    if letter in _MARKS:
        return letter
    if letter not in _LETTERS:
        raise ValueError(UNKNOWN)
    return _LETTERS[letter]


def _end_of(text: bytes, quote: bytes, at: int) -> int:
    end = text.find(quote, at)
    if end < 0:
        raise ValueError("a quote is not closed")
    return end
