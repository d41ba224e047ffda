"""A body with what is personal replaced, and every other byte as it was.

Goes through the tokens of the JSON without building its values, so that depth and size cost nothing more.
What is not JSON is replaced letter by letter, and stays no JSON. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from relay.archive.redaction.policy import (
    Path,
    Policy,
    by_name,
    envelope_fields,
    payload_fields,
)
from relay.archive.redaction.stand_ins import StandIns
from relay.lean.catalogue import Field
from relay.lean.envelope import read_event
from relay.text.json_values import TooDeepError, parsed

_TOKEN = re.compile(
    rb'[ \t\r\n]*+(?:(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")|(?P<mark>[{}\[\],:])|(?P<word>true|false|null)'
    rb"|(?P<number>-?[0-9][0-9.eE+-]*+))",
    re.DOTALL,
)

NOT_JSON = b"not JSON: "

DEEP = 32
"""A path has at most this many keys: no documented field is deeper, and a hostile body is."""


@dataclass(slots=True)
class _Place:
    """An object or an array that is open."""

    path: Path
    fields: Mapping[str, Field]
    """Of an object: those that are documented."""
    items: Field | None = None
    """Of an array: what is documented of its entries."""
    is_object: bool = True
    is_left: bool = False
    key: str = ""
    """Of an object: the key whose value comes next."""
    wants_key: bool = True


def redacted_body(body: bytes, policy: Policy, stand_ins: StandIns) -> bytes:
    """The body without what is personal."""
    if not body:
        return body
    if not _is_json(body):
        return _redacted_text(body, stand_ins)
    try:
        return b"".join(_pieces(body, policy, stand_ins))
    except ValueError:
        return _redacted_text(body, stand_ins)


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(
            body, type=msgspec.Raw
        )  # Builds no values, and refuses a little more than `parsed`.
    except (ValueError, RecursionError):
        try:
            parsed(body)
        except TooDeepError:
            return True  # As far as it can be checked; the tokens know no depth.
        except ValueError:
            return False
    return True


def _redacted_text(body: bytes, stand_ins: StandIns) -> bytes:
    try:
        made = stand_ins.text(body.decode("utf-8")).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return stand_ins.data(body)
    try:
        parsed(made)
    except ValueError:
        return made
    return NOT_JSON + made


def _pieces(body: bytes, policy: Policy, stand_ins: StandIns) -> Iterator[bytes]:
    """
    Raises:
        ValueError: the tokens are not those of JSON.
    """
    event = read_event(body)
    payload = payload_fields(event.type if event is not None else None)
    places: list[_Place] = []
    at = kept = 0
    while (found := _TOKEN.match(body, at)) is not None:
        at = found.end()
        mark = found["mark"]
        place = places[-1] if places else None
        if mark is not None:
            if mark in b"{[":
                places.append(_opened(place, payload, policy, is_object=mark == b"{"))
            elif mark in b"}]":
                if not places:
                    raise ValueError("a bracket too many")
                places.pop()
            elif place is not None:
                place.wants_key = mark == b"," and place.is_object
            continue
        if found["word"] is not None:
            continue
        raw = found["string"] or found["number"]
        if place is not None and place.is_object and place.wants_key:
            place.key = _text(raw)
            place.wants_key = False
            other = raw if place.is_left else _key(raw, place, policy, stand_ins)
        else:
            other = _value(raw, place, policy, stand_ins)
        if other is not raw:
            yield body[kept : at - len(raw)]
            yield other
            kept = at
    if places or body[at:].strip(b" \t\r\n"):
        raise ValueError("the end is missing")
    yield body[kept:]


def _opened(place: _Place | None, payload: Mapping[str, Field], policy: Policy, *, is_object: bool) -> _Place:
    """The place that begins inside another."""
    if place is None:
        return _Place((), envelope_fields() if is_object else {}, is_object=is_object)
    field = _field(place)
    path = _path(place)
    is_left = place.is_left or (place.is_object and policy.is_left(path))
    fields = by_name(field.fields) if field is not None else {}
    if path == ("payload",):
        fields = payload
    items = field.items if field is not None and not is_object else None
    return _Place(path, fields, items, is_object=is_object, is_left=is_left)


def _path(place: _Place) -> Path:
    """The path of the value that comes next."""
    if not place.is_object:
        return place.path
    if len(place.path) < DEEP:
        return (*place.path, place.key)
    return ("", *place.path[-1:], place.key)  # An empty key begins no path that anybody documents or leaves.


def _field(place: _Place) -> Field | None:
    """The documented field of the value that comes next; None without one."""
    return place.fields.get(place.key) if place.is_object else place.items


def _key(raw: bytes, place: _Place, policy: Policy, stand_ins: StandIns) -> bytes:
    if policy.keeps_key(place.key, place.fields.get(place.key)):
        return raw
    return _written(raw, stand_ins.text(place.key))


def _value(raw: bytes, place: _Place | None, policy: Policy, stand_ins: StandIns) -> bytes:
    path: Path = ()
    field = None
    if place is not None:
        path = _path(place)
        field = _field(place)
        if place.is_left or (place.is_object and policy.is_left(path)):
            return raw
    if raw[:1] != b'"':
        written = raw.decode("ascii")
        return raw if policy.keeps_number(written, path, field) else stand_ins.number(written).encode()
    text = _text(raw)
    return raw if policy.keeps_text(text, path, field) else _written(raw, stand_ins.text(text))


def _text(raw: bytes) -> str:
    if b"\\" not in raw:
        return raw[1:-1].decode("utf-8")
    return str(json.loads(raw.decode("utf-8")))


def _written(raw: bytes, text: str) -> bytes:
    """A text as JSON, with escapes where the original has them."""
    if raw.isascii():
        return json.dumps(text).encode()
    return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogatepass")
