"""A contract for the shapes of events, kept with a team's code: write one, and check events against it.

Owns its contents, and how errors of a JSON Schema validator become differences. The file is JSON Schema draft
2020-12, so that it can be reviewed, edited and used by other tools. Never fetches anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import jsonschema
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from relay.analysis.shape import judge_with_content
from relay.analysis.shape_result import Difference, Kind, ShapeResult, described
from relay.analysis.shape_summary import FieldStats, TypeStats
from relay.lean.catalogue import Confidence, catalogue
from relay.lean.schemas import CONFIDENCE, DIALECT, KNOWN_VALUES, all_schemas, title_of
from relay.models import Shape
from relay.text.json_values import parsed

SEEN = "x-lean-seen"
"""The keyword for the number of events that extended the documented definition."""

MOST_DIFFERENCES = 100

FEW_BRACKETS = 500
"""With fewer, no body is nested deeply enough to exhaust the interpreter's stack."""

Schema = dict[str, Any]


def frozen(types: Sequence[TypeStats]) -> Schema:
    """Build a contract from Lean's documentation and the events seen.

    Events extend the documentation: a field seen with another type may have both, one that was missing
    becomes optional, other fields are added. Values are not included, except for words outside open lists.
    """
    events = [event for event in catalogue().events if any(seen.type == event.type for seen in types)]
    contract = all_schemas(events)
    contract["$id"] = "urn:lean-relay:contract"
    contract["title"] = "LeanContract"
    for seen in types:
        if seen.type is not None:
            definition = _definition(contract, seen.type)
            definition[SEEN] = seen.count
            _widen(definition, seen, "")
    return contract


def _definition(contract: Schema, type_: str) -> Schema:
    """Return the definition of an event type in a contract; add one if the type is not documented."""
    title = base = title_of(type_) or "Unnamed"
    number = 1
    while title in contract["$defs"]:
        if _type_of(contract["$defs"][title]) == type_:
            known: Schema = contract["$defs"][title]
            return known
        number += 1
        title = f"{base}{number}"
    contract["oneOf"].append({"$ref": f"#/$defs/{title}"})
    contract["$defs"][title] = new = {
        "title": title,
        "description": "Not documented: made from events only.",
        CONFIDENCE: str(Confidence.INFERRED),
        "type": "object",
        "properties": {"type": {"const": type_, "type": "string"}},
        "required": ["type"],
    }
    return new


def _widen(schema: Schema, seen: TypeStats, path: str) -> None:
    """Extend the schema of an object to allow the values seen at a path."""
    below = [each for each in seen.fields.values() if each.parent == path and not each.path.endswith("[]")]
    present = set()
    for each in below:
        name = _key(each.path, path)
        if seen.is_always(each):
            present.add(name)
        properties = schema.setdefault("properties", {})
        if name not in properties:
            properties[name] = {"type": [], "description": "Not documented: seen.", CONFIDENCE: "inferred"}
        _widen_field(properties[name], seen, each)
    if "required" in schema and seen.objects[path]:
        schema["required"] = [name for name in schema["required"] if name in present]


def _widen_field(schema: Schema, seen: TypeStats, each: FieldStats) -> None:
    """Extend the schema of a field, or of a list's entries, to allow the values seen."""
    if "type" in schema and "const" not in schema:
        _widen_types(schema, each)
    if KNOWN_VALUES in schema and not each.many:
        schema[KNOWN_VALUES] += [value for value in each.values if value not in schema[KNOWN_VALUES]]
    if each.types["object"]:
        _widen(schema, seen, each.path)
    entries = seen.fields.get(f"{each.path}[]")
    if entries is not None:
        _widen_field(schema.setdefault("items", {"type": [], CONFIDENCE: "inferred"}), seen, entries)


def _widen_types(schema: Schema, each: FieldStats) -> None:
    names = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    names += [name for name in each.types if name not in names]
    if "number" in names and "integer" in names:
        names.remove("integer")
    schema["type"] = names[0] if len(names) == 1 else names
    if "enum" in schema and "null" in names and None not in schema["enum"]:
        schema["enum"].append(None)


def _key(path: str, parent: str) -> str:
    rest = path[len(parent) :]
    return str(json.loads(rest[1:-1])) if rest.startswith("[") else rest.removeprefix(".")


class Contract:
    """A contract read from a file."""

    def __init__(self, text: bytes) -> None:
        """
        Raises:
            ValueError: it is not JSON, not a schema of draft 2020-12, or has no event types in `$defs`.
        """
        schema = json.loads(text, parse_float=_number)
        if not isinstance(schema, dict) or not isinstance(schema.get("$defs"), dict):
            raise ValueError("it has no $defs, where a contract has its event types")
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ValueError(f"it is not a JSON Schema of draft 2020-12: {error.message[:200]}") from None
        self._validators: dict[str, Any] = {}
        for name, definition in schema["$defs"].items():
            type_ = _type_of(definition)
            if type_ is not None:
                # Keep the whole document, so that its internal references resolve.
                document = {"$schema": DIALECT, "$defs": schema["$defs"], "$ref": f"#/$defs/{_pointer(name)}"}
                self._validators[type_] = _Validator(document, registry=Registry())
        if not self._validators:
            raise ValueError("no definition in it has a properties.type.const, which names an event type")

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that it covers."""
        return tuple(self._validators)

    def judge(self, body: bytes) -> ShapeResult:
        """Check a body against it: `unknown` if it does not cover the type. Never raises because of a body.

        Raises:
            ValueError: the contract refers to a definition that it does not contain.
        """
        first, data = judge_with_content(body)
        validator = self._validators.get(first.type or "")
        if first.shape is Shape.NOT_JSON or validator is None:
            reason = first.reason or "the contract does not cover this type"
            shape = Shape.NOT_JSON if first.shape is Shape.NOT_JSON else Shape.UNKNOWN
            return ShapeResult(shape=shape, type=first.type, version="contract", reason=reason)
        written = parsed(data)
        found: dict[bool, list[Difference]] = {True: [], False: []}
        more = 0
        try:
            for error in validator.iter_errors(parsed(data, number=_number)):
                each = _difference(error, written)
                if len(found[each.warning]) < MOST_DIFFERENCES:
                    found[each.warning].append(each)
                else:
                    more += 1
        except ArithmeticError:
            return _unknown(first.type, "a number in it is too large to compare")
        except Unresolvable as error:
            raise ValueError(f"the contract refers to a missing definition: {error}") from None
        except RecursionError:
            if data.count(b"[") + data.count(b"{") < FEW_BRACKETS:
                raise ValueError("the contract refers to itself endlessly") from None
            return _unknown(first.type, "it is nested too deeply to check")
        return ShapeResult(
            shape=Shape.DRIFT if found[True] else Shape.DOCUMENTED,
            type=first.type,
            version="contract",
            confidence=Confidence.DOCUMENTED,
            differences=(*found[True], *found[False]),
            more=more,
        )


def _unknown(type_: str | None, reason: str) -> ShapeResult:
    return ShapeResult(shape=Shape.UNKNOWN, type=type_, version="contract", reason=reason)


def _type_of(definition: Any) -> str | None:
    try:
        const = definition["properties"]["type"]["const"]
    except (KeyError, TypeError):
        return None
    return const if isinstance(const, str) else None


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1").replace("%", "%25")


def _difference(error: Any, written: Any) -> Difference:
    """Convert a jsonschema error to a difference.

    Args:
        written: the body's value with numbers exactly as written.
    """
    steps = tuple(error.absolute_path)
    if error.validator == "missing":
        came = "nothing"
    else:
        for step in steps:
            written = written[step]
        came = described(written)
    kind, expected = Kind.FORM, f"the rule {error.validator}"
    value = error.validator_value
    match error.validator:
        case "missing":
            kind, expected = Kind.MISSING, "a value"
        case "forbidden":
            expected = "no value"
        case "extra":
            kind, expected = Kind.EXTRA, "no such field"
        case "type":
            kind = Kind.NULL if error.instance is None else Kind.TYPE
            expected = value if isinstance(value, str) else " or ".join(value)
        case "enum" | "x-lean-known-values":
            kind, expected = Kind.VALUE, f"one of {', '.join(map(str, value))}"
        case "const":
            kind, expected = Kind.VALUE, str(value)
    return Difference(
        steps=steps,
        kind=kind,
        expected=expected,
        came=came,
        warning=error.validator not in ("extra", KNOWN_VALUES),
        confidence=Confidence.DOCUMENTED,
    )


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:
        return Decimal("-Infinity" if digits.startswith("-") else "Infinity")


def _known_values(_validator: Any, known: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and instance not in known:
        yield jsonschema.ValidationError("not known")


def _properties(validator: Any, properties: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """As usual, and report other properties too, unless the schema mentions them; those that it forbids by
    `false` with their path.
    """
    allowed = {name: each for name, each in properties.items() if each is not False}
    yield from jsonschema.Draft202012Validator.VALIDATORS["properties"](validator, allowed, instance, schema)
    for name in instance if isinstance(instance, dict) else ():
        if name not in properties:
            if "additionalProperties" not in schema:
                yield _at(name, "extra", instance[name])
        elif name not in allowed:
            yield _at(name, "forbidden", instance[name])


def _required(_validator: Any, required: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    """As usual, but with the path of each missing field."""
    for name in required if isinstance(instance, dict) else ():
        if name not in instance:
            yield _at(name, "missing", None)


def _at(name: str, word: str, value: Any) -> Any:
    error = jsonschema.ValidationError(word, validator=word, instance=value)
    error.path.append(name)
    return error


_Validator = extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    validators={KNOWN_VALUES: _known_values, "properties": _properties, "required": _required},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "number": lambda _, value: isinstance(value, Decimal),
            "integer": lambda _, value: isinstance(value, Decimal) and value == value.to_integral_value(),
        }
    ),
)
