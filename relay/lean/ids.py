"""The ids in an event, each with the kind of object that it identifies.

Owns the naming, which differs between events: `id` is the entity in one and the payment in another. Based on
the catalogue's fields; in unknown event types only the field names count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from relay.text.json_values import path_to

MOST_IDS = 500
"""Limit per event; the most seen were 9 accounts."""

LONGEST = 200
"""Characters of an id."""

LONGEST_PATH = 200
"""Nothing is looked for below a longer one: a key of a megabyte would be copied for each value under it."""


class Of(StrEnum):
    """The kind of object that an id identifies."""

    CUSTOMER = "customer"
    ENTITY = "entity"
    PAYMENT = "payment"
    INTENT = "intent"
    SOURCE = "source"
    BENEFICIARY = "beneficiary"
    DESTINATION = "destination"
    CONSENT = "consent"
    ACCOUNT = "account"
    RESULTS = "results"
    """A request for data, and the reconnect that repeats it: Lean documents that they share the id."""
    REFRESH = "refresh"
    USER = "user"
    BANK = "bank"
    OTHER = "other"


class LeanId(NamedTuple):
    """One id in an event."""

    of: Of
    value: str
    path: str
    """`payload.intent_id`."""


_NAMES: Mapping[str, Of] = {
    "customer_id": Of.CUSTOMER,
    "entity_id": Of.ENTITY,
    "payment_id": Of.PAYMENT,
    "intent_id": Of.INTENT,
    "payment_intent_id": Of.INTENT,
    "payment_source_id": Of.SOURCE,
    "payment_destination_id": Of.DESTINATION,
    "consent_id": Of.CONSENT,
    "account_id": Of.ACCOUNT,
    "debtor_account_id": Of.ACCOUNT,
    "reconnect_id": Of.RESULTS,
    "refresh_id": Of.REFRESH,
    "end_user_id": Of.USER,
    "app_user_id": Of.USER,
    "bank_identifier": Of.BANK,
    "payment_source_bank_identifier": Of.BANK,
    "identifier": Of.BANK,
}

CHOSEN_BY_CALLER = frozenset({"app_user_id"})
"""Names of ids that are not Lean's: the backend chose them."""

_OWN: tuple[tuple[str, Of], ...] = (
    # The meaning of `id` in the payload of types with this prefix, longest prefix first.
    ("payment_source.beneficiary.", Of.BENEFICIARY),
    ("payment_source.", Of.SOURCE),
    ("payment_intent.", Of.INTENT),
    ("bulk_payment_intent.", Of.INTENT),
    ("payment.", Of.PAYMENT),
    ("entity.", Of.ENTITY),
    ("results.", Of.RESULTS),
    ("consent.", Of.CONSENT),
)


def ids_of(event: Any) -> tuple[LeanId, ...]:
    """Return the ids in an event, in its order, each once; empty for anything but an event. Never raises.

    Args:
        event: the JSON value, as returned by `relay.text.json_values.parsed`.
    """
    found: dict[tuple[Of, str], LeanId] = {}
    for each in all_ids(event, MOST_IDS):
        found.setdefault((each.of, each.value), each)
        if len(found) >= MOST_IDS:
            break
    return tuple(found.values())


def all_ids(event: Any, most: int | None = None) -> Iterator[LeanId]:
    """Each id of an event at each of its places, in its order; none of anything but an event. Never raises.

    Those below a path longer than LONGEST_PATH are left out.

    Args:
        event: as for `ids_of`.
        most: how many values of an array are looked at; None for all.
    """
    if isinstance(event, dict) and isinstance(event.get("payload"), dict):
        type_ = event.get("type")
        yield from _ids(event["payload"], own_id(type_) if isinstance(type_, str) else Of.OTHER, most)


def own_id(type_: str) -> Of:
    """The kind of object that `payload.id` identifies in events of this type."""
    return next((of for beginning, of in _OWN if type_.startswith(beginning)), Of.OTHER)


def _ids(payload: Mapping[str, Any], own: Of, most: int | None) -> Iterator[LeanId]:
    stack: list[tuple[str, Any]] = [("payload", payload)]
    while stack:
        path, value = stack.pop()
        if len(path) > LONGEST_PATH:
            continue
        inner: list[tuple[str, Any]] = []
        if isinstance(value, dict):
            for key, part in value.items():
                place = path_to(path, key)
                of = own if place == "payload.id" else _named(key)
                if of is not None and _is_id(part):
                    yield LeanId(of, part, place)
                elif isinstance(part, dict | list) and key != "metadata":
                    inner.append((place, part))
        elif isinstance(value, list):
            inner = [(f"{path}[{index}]", part) for index, part in enumerate(value[:most])]
        stack.extend(reversed(inner))


def _named(key: str) -> Of | None:
    return _NAMES.get(key) or (Of.OTHER if key.endswith("_id") else None)


def _is_id(value: Any) -> bool:
    # Numbers from `parsed` are a subclass of str, and Lean's ids are not numbers.
    return type(value) is str and 0 < len(value) <= LONGEST
