"""The catalogue as JSON Schema (draft 2020-12), for validators and for generators of code.

Owns which facts become assertions and which are annotations only. Asserted: JSON types, whether null is
allowed, fields that every documented sample has, and complete lists of values. Annotations, which validators
ignore: open lists of values, text formats, and how well each fact is known. Other fields are always allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from relay.lean.catalogue import Confidence, EventType, Field, catalogue

DIALECT = "https://json-schema.org/draft/2020-12/schema"

CONFIDENCE = "x-lean-confidence"
"""The keyword for how well a field or type is known: a value of `Confidence`."""

KNOWN_VALUES = "x-lean-known-values"
"""The keyword for the known values of an open list."""

DIGEST = "x-lean-digest"
"""The keyword for the digest of the document as written."""

FORMATS = frozenset({"uuid", "date-time", "date", "uri"})
"""The catalogue's formats that JSON Schema knows; the others become descriptions."""

Schema = dict[str, Any]


def sealed(document: Schema) -> Schema:
    """Add the document's own digest, which later reveals an edit."""
    return {**document, DIGEST: _digest(document)}


def is_as_written(text: bytes) -> bool:
    """Whether a file is an unedited sealed document; reformatting it does not count as an edit."""
    try:
        document = json.loads(text)
        return isinstance(document, dict) and document.pop(DIGEST, None) == _digest(document)
    except (ValueError, RecursionError):
        return False


def _digest(document: Schema) -> str:
    return "sha256:" + sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def event_schema(event: EventType) -> Schema:
    """One event type, envelope and payload, as a schema document of its own."""
    return {"$schema": DIALECT, "$id": f"urn:lean-relay:{event.type}", **_event(event)}


def all_schemas(events: Sequence[EventType]) -> Schema:
    """Several event types as one document: an event is one of them. `$defs` holds each by its title."""
    definitions = {title_of(event.type): _event(event) for event in events}
    return {
        "$schema": DIALECT,
        "$id": "urn:lean-relay:events",
        "title": "LeanEvent",
        "description": f"Events of Lean's webhooks. {CONFIDENCE} says how well each fact is known: "
        + "; ".join(f"{known}: {known.words}" for known in Confidence if known != known.words),
        "oneOf": [{"$ref": f"#/$defs/{title}"} for title in definitions],
        "$defs": definitions,
    }


def title_of(type_: str) -> str:
    """`payment.account-on-file.updated` as `PaymentAccountOnFileUpdated`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", type_))


def _event(event: EventType) -> Schema:
    title = title_of(event.type)
    properties = {field.name: _field(field, title) for field in catalogue().envelope}
    properties["type"] = {"const": event.type, "type": "string"}
    properties["payload"] = _object(event.payload, f"{title}Payload") | {
        CONFIDENCE: str(event.payload_confidence)
    }
    if event.messages:
        properties["message"]["examples"] = list(event.messages)
    remarks = [event.when, *event.notes]
    return {
        "title": title,
        "description": ". ".join(f"{remark[:1].upper()}{remark[1:]}".rstrip(".") for remark in remarks) + ".",
        **({"deprecated": True} if event.deprecated else {}),
        CONFIDENCE: str(event.confidence),
        "type": "object",
        "properties": properties,
        "required": [field.name for field in catalogue().envelope if field.required],
    }


def _object(fields: Sequence[Field], title: str) -> Schema:
    known = [field for field in fields if field.name != "*"]
    schema: Schema = {"type": "object"}
    if known:
        schema["title"] = title
        schema["properties"] = {field.name: _field(field, title) for field in known}
    if required := [field.name for field in known if field.required]:
        schema["required"] = required
    return schema


def _field(field: Field, parent: str) -> Schema:
    title = parent + title_of(field.name if field.name != "[]" else "item")
    schema: Schema = {}
    if field.type == "object":
        schema = _object(field.fields, title)
    elif field.type != "any":
        schema["type"] = field.type
    if field.items is not None:
        schema["items"] = _field(field.items, title)
    if field.nullable and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if field.format in FORMATS:
        schema["format"] = field.format
    if field.enum and not field.open_enum:
        schema["enum"] = [*field.enum, *([None] if field.nullable else [])]
    elif field.enum:
        schema[KNOWN_VALUES] = list(field.enum)
    elif field.seen_values:
        schema["examples"] = list(field.seen_values)
    if remarks := _remarks(field):
        schema["description"] = remarks
    return schema | {CONFIDENCE: str(field.confidence)}


def _remarks(field: Field) -> str:
    remarks = []
    if field.enum and field.open_enum:
        remarks.append(f"Known values, others are possible: {', '.join(field.enum)}")
    elif field.seen_values:
        remarks.append(f"Seen: {', '.join(field.seen_values)}")
    if field.format is not None and field.format not in FORMATS:
        remarks.append(f"Format: {field.format}")
    if field.pattern is not None:
        remarks.append(f"Pattern: {field.pattern}")
    if field.notes:
        remarks.append(field.notes)
    return ". ".join(f"{remark[:1].upper()}{remark[1:]}" for remark in remarks)
