"""A body as other programs would rewrite it: the texts that a signature may really belong to.

Owns the ways in which libraries and proxies are known to rewrite JSON and text. They are never shown or sent,
only signed to see whether a signature fits.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice, product
from typing import Any
from urllib.parse import parse_qsl

MOST_BYTES = 1024 * 1024
"""Larger bodies are not rewritten."""

MOST_JSON_BYTES = 64 * 1024
"""Larger JSON is not reformatted: there are up to 150 ways, which take a second for a list of numbers."""

MOST_DEPTH = 32
"""JSON that is nested deeper is not indented: each of its lines would begin with that many blanks."""

MOST_FIELDS = 20
"""Fields of a form; none with more has been seen."""

_FORM = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]*=[^\s{}\"]*\Z")
_QUESTIONS = re.compile(r"\?\?|\w\?\w")
_REPLACEMENT = b"\xef\xbf\xbd"
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_MARK, _END = "\ue000", "\ue001"
"""Private-use characters around a number, so that its digits pass through a JSON library as text."""
_MARKED = re.compile('"(?:\ue000|\\\\ue000)([^"\\\\\ue001]*)(?:\ue001|\\\\ue001)"')
_OUTSIDE_TEXTS = re.compile(rb'("(?:[^"\\]|\\.)*+"?)|[ \t\r\n]++', re.DOTALL)
"""A text without an end goes to the end of the body, which would else be searched from each of its quotes."""

_LAYOUTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("compact JSON", {"separators": (",", ":")}),
    ("JSON with blanks after commas and colons, as Python writes it", {}),
    ("JSON indented by two", {"indent": 2}),
    ("JSON indented by four", {"indent": 4}),
    ("JSON indented by tabs", {"indent": "\t"}),
)
_JAVASCRIPT = ", numbers as JavaScript writes them"
_ORDERS = (("", False), (" with sorted keys", True))


def rewritten(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield rewritten forms of a body, each with a description, likelier ones first; none equals the body.

    Never raises. About 30 forms for one of Lean's events, which takes about a millisecond.
    """
    if body:
        yield "an empty body", b""
    if len(body) > MOST_BYTES:
        return
    seen = {hash(body), hash(b"")}  # the bodies themselves would be up to 150 copies
    for words, other in chain(
        _as_text(body), _unpacked(body), _blanks(body), _unwrapped(body), _as_json(body)
    ):
        if hash(other) not in seen:
            seen.add(hash(other))
            yield words, other


def as_javascript(body: bytes) -> bytes | None:
    """The body after `JSON.stringify(JSON.parse(body))`; None if it is not JSON or too large."""
    forms = dict(islice(_as_json(body), 3))  # the ways to write the numbers of the first layout
    return forms.get(f"compact JSON{_JAVASCRIPT}", forms.get("compact JSON"))


def _as_text(body: bytes) -> Iterator[tuple[str, bytes]]:
    if body.endswith(b"\n"):
        yield "the body without its final line break", body.rstrip(b"\r\n")
    else:
        yield "the body with a final line break", body + b"\n"
        yield "the body with a final line break", body + b"\r\n"
    if body.strip() != body:
        yield "the body without the blanks around it", body.strip()
    if b"\r\n" in body:
        yield "the body with LF instead of CRLF", body.replace(b"\r\n", b"\n")
    elif b"\n" in body:
        yield "the body with CRLF instead of LF", body.replace(b"\n", b"\r\n")
    if body.startswith(_BOM):
        yield "the body without its byte order mark", body.removeprefix(_BOM)
    else:
        yield "the body with a byte order mark, which was lost", _BOM + body
    if body.isascii():
        return
    for from_, to, words in (
        ("utf-8", "latin-1", "the body in Latin-1"),
        ("utf-8", "utf-16-le", "the body in UTF-16"),
        ("latin-1", "utf-8", "the body encoded as UTF-8 twice"),
    ):
        try:
            yield words, body.decode(from_).encode(to)
        except UnicodeError:
            continue
    yield "the body with its undecodable bytes replaced", body.decode("utf-8", "replace").encode()
    yield "the body without non-ASCII letters", body.decode("utf-8", "replace").encode("ascii", "replace")


def _unpacked(body: bytes) -> Iterator[tuple[str, bytes]]:
    for wbits, words in ((31, "the decompressed body"), (15, "the decompressed body")):
        if wbits == 31 and not body.startswith(_GZIP):
            continue
        try:
            yield words, zlib.decompressobj(wbits=wbits).decompress(body, MOST_BYTES)
        except zlib.error:
            continue


def _unwrapped(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The content of a body that was wrapped after it was signed: as a JSON string, or in a form field."""
    if body.lstrip()[:1] == b'"':
        with suppress(ValueError, RecursionError):
            inner = json.loads(body)
            if isinstance(inner, str):
                yield "the text inside the body, which was encoded as JSON twice", inner.encode()
    elif _FORM.match(body):
        with suppress(ValueError):
            for _, value in parse_qsl(body.decode("ascii"), max_num_fields=MOST_FIELDS):
                yield "a field of the form in the body", value.encode()


def replaced_letters(body: bytes) -> bool:
    """Whether texts of a JSON body contain question marks where letters of another alphabet may have been.

    That is two in a row or one between letters, in a text that is not a URL, or the replacement character
    U+FFFD.
    """
    if len(body) > MOST_JSON_BYTES or (b"?" not in body and _REPLACEMENT not in body):
        return False
    try:
        stack = [json.loads(body)]
    except (ValueError, RecursionError):
        return False
    while stack:
        value = stack.pop()
        if isinstance(value, str):
            if "\ufffd" in value or ("://" not in value and _QUESTIONS.search(value)):
                return True
        elif isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return False


def _blanks(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "the body without the blanks between its tokens", _OUTSIDE_TEXTS.sub(rb"\1", body)


def _as_json(body: bytes) -> Iterator[tuple[str, bytes]]:
    if len(body) > MOST_JSON_BYTES:
        return
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return
    if _MARK in text or _END in text or "\\ue00" in text.lower():
        return
    numbers: list[str] = []

    def marked(digits: str) -> str:
        numbers.append(digits)
        return f"{_MARK}{digits}{_END}"

    try:
        value = json.loads(text, parse_int=marked, parse_float=marked)
    except (ValueError, RecursionError):
        return
    ways = [("", _as_written)]
    if any(not digits.lstrip("-").isdigit() for digits in numbers):
        ways += [
            (", numbers as doubles", _as_python),
            (", numbers as JavaScript writes them", _as_javascript),
        ]
    layouts = [each for each in _LAYOUTS if "indent" not in each[1]] if _is_deep(value) else _LAYOUTS
    for (layout, options), (order, is_sorted) in product(layouts, _ORDERS):
        texts: dict[tuple[bool, str], str] = {}
        for (escapes, ascii_only, change), (kind, number) in product(_ESCAPES, ways):
            try:
                if (ascii_only, kind) not in texts:
                    again = json.dumps(value, ensure_ascii=ascii_only, sort_keys=is_sorted, **options)
                    texts[ascii_only, kind] = _MARKED.sub(lambda found, to=number: to(found[1]), again)  # type: ignore[misc]
                data = change(texts[ascii_only, kind]).encode()
            except (ValueError, RecursionError, OverflowError):
                continue
            yield f"{layout}{order}{escapes}{kind}", data


def _is_deep(value: Any) -> bool:
    """Whether JSON is nested deeper than MOST_DEPTH."""
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


def _as_written(digits: str) -> str:
    return digits


def _as_python(digits: str) -> str:
    return digits if digits.lstrip("-").isdigit() else repr(float(digits))


def _as_javascript(digits: str) -> str:
    text = repr(float(digits)) if not digits.lstrip("-").isdigit() else digits
    mantissa, e, exponent = text.removesuffix(".0").partition("e")
    return f"{mantissa}{e}{exponent[:1]}{exponent[1:].lstrip('0')}" if e else mantissa


def _unchanged(text: str) -> str:
    return text


def _slashes(text: str) -> str:
    return text.replace("/", "\\/")


def _html(text: str) -> str:
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


_ESCAPES: tuple[tuple[str, bool, Callable[[str], str]], ...] = (
    ("", False, _unchanged),
    (" with everything but ASCII escaped", True, _unchanged),
    (" with slashes escaped, as PHP writes it", True, _slashes),
    (" with slashes escaped", False, _slashes),
    (" with <, > and & escaped, as Go writes it", False, _html),
)
