"""New ids and times for an event that is sent again, so that its backend takes it for a new one.

Owns the mapping from old ids to new ones. Every other byte is kept, and what is not an event stays as it is.
Pure: the same seed always makes the same ids, so a retry stays a retry of its event, and a payment's events
stay events of one payment.
"""

from __future__ import annotations

import hmac
import json
import re
import string
from contextlib import suppress
from datetime import datetime, timedelta
from math import prod
from typing import Final
from uuid import UUID

from relay.lean.ids import CHOSEN_BY_CALLER, LONGEST, Of, all_ids
from relay.text.json_scan import UnreadableError
from relay.text.json_splice import Span, replaced, spans
from relay.text.json_values import parsed, steps

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(?P<between>[Tt ])(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?P<point>[.,]?)(?P<fraction>[0-9]*)(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?|)"
)
_MICROS: Final = 6

_ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)
_HEX = (string.digits + "abcdef", string.digits + "ABCDEF")
_LEAST_HEX = 16
"""Characters from which on a text of hex digits alone is taken for a number in hex."""


def fresh_event(body: bytes, seed: str, shift_us: int, *, payload: bool = False) -> bytes:
    """The body with another `event_id` and a `timestamp` moved by so many microseconds.

    Fields that are absent, not strings or longer than an id stay so, and so does a timestamp in another
    notation.

    Args:
        seed: makes the mapping from old ids to new ones.
        payload: map the ids in the payload too, apart from those that name a bank or that the backend chose.
    """
    places = {("event_id",), ("timestamp",)}
    ids: set[tuple[str | int, ...]] = {("event_id",)}
    if payload:
        with suppress(ValueError):  # not JSON as a whole; its envelope may be
            ids |= {
                steps(each.path)
                for each in all_ids(parsed(body))
                if each.of is not Of.BANK and steps(each.path)[-1] not in CHOSEN_BY_CALLER
            }
    try:
        found = spans(body, places | ids)
    except UnreadableError:
        return body
    values: dict[Span, bytes] = {}
    for place in places | ids:
        span = found.get(place)
        old = None if span is None else _text(body[span[0] : span[1]])
        if span is None or old is None or len(old) > LONGEST:  # as a number, a text of megabytes takes hours
            continue
        new = fresh_id(old, seed) if place in ids else moved(old, shift_us)
        if new != old:
            values[span] = _written(new, like=body[span[0] : span[1]])
    return replaced(body, values)


def fresh_id(old: str, seed: str) -> str:
    """The new id for an old one; different old ids have different new ones.

    A UUID becomes one of version 4, in the case of the old one. Any other id keeps its length and form: a
    digit becomes a digit, a letter a letter of its case, all else stays.
    """
    if _UUID.fullmatch(old):
        made = str(UUID(bytes=_digest(seed, old.lower())[:16], version=4))
        return made.upper() if old != old.lower() else made
    alphabets = _alphabets(old)
    most = prod(len(alphabet) for alphabet in alphabets if alphabet)
    if most == 1:
        return old
    # As a number with a digit for each character, moved by the same distance for all ids of one form: two ids
    # can never become one, which they could if each were a hash of its own.
    form = "".join(alphabet[:1] or character for alphabet, character in zip(alphabets, old, strict=True))
    distance = 1 + int.from_bytes(_digest(seed, form) * (most.bit_length() // 256 + 1)) % (most - 1)
    number = 0
    for alphabet, character in zip(alphabets, old, strict=True):
        if alphabet:
            number = number * len(alphabet) + alphabet.index(character)
    number = (number + distance) % most
    new: list[str] = []
    for alphabet, character in zip(reversed(alphabets), reversed(old), strict=True):
        if alphabet:
            number, digit = divmod(number, len(alphabet))
            character = alphabet[digit]
        new.append(character)
    return "".join(reversed(new))


def moved(timestamp: str, shift_us: int) -> str:
    """A timestamp moved by so many microseconds, with as many digits and in the notation of the old one.

    Digits beyond microseconds stay. A text in another notation is returned as it is.
    """
    found = _TIME.fullmatch(timestamp)
    if found is None or bool(found["point"]) != bool(found["fraction"]):
        return timestamp
    digits = len(found["fraction"])
    fraction = found["fraction"][:_MICROS].ljust(_MICROS, "0")
    try:
        at = datetime.fromisoformat(f"{found['date']}T{found['time']}.{fraction}")
        at += timedelta(microseconds=shift_us)
    except (ValueError, OverflowError):
        return timestamp
    decimals = f"{at.microsecond:06}"[:digits] + found["fraction"][_MICROS:]
    date, time = at.replace(microsecond=0).isoformat().split("T")
    return "".join((date, found["between"], time, found["point"], decimals, found["offset"]))


def _alphabets(text: str) -> list[str]:
    """For each character those that may take its place; empty where it stays."""
    plain = [character for character in text if character.isascii() and character.isalnum()]
    for hex_digits in _HEX:
        is_hex = set(plain) <= set(hex_digits) and not set(plain) <= set(string.digits)
        if is_hex and len(plain) >= _LEAST_HEX:
            return [hex_digits if character in hex_digits else "" for character in text]
    return [next((alphabet for alphabet in _ALPHABETS if character in alphabet), "") for character in text]


def _digest(seed: str, text: str) -> bytes:
    return hmac.digest(seed.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass"), "sha256")


def _text(written: bytes) -> str | None:
    """A JSON string; None for anything else."""
    try:
        return str(json.loads(written)) if written.startswith(b'"') else None
    except ValueError:
        return None


def _written(text: str, *, like: bytes) -> bytes:
    return json.dumps(text, ensure_ascii=like.isascii()).encode("utf-8", "surrogatepass")
