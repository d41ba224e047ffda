"""Which ids of Lean's stand in an event, and what each is the id of.

Owns the naming, which differs from event to event: `id` is the entity in one, the payment in another. From
the catalogue's fields; of types that nobody knows, fields are taken by their names alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

MOST_IDS = 500
"""Of one event; 9 accounts were the most seen."""

LONGEST = 200


class Of(StrEnum):
    """What an id is the id of."""

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
    """Of a request for data, and of the reconnect that asks for it again: Lean says they are the same."""
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

_OWN: tuple[tuple[str, Of], ...] = (
    # The longest beginnings first: what `id` is in the payload of such types.
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
    """The ids in an event, in its order, each once; nothing for what is no event. Never raises.

    Args:
        event: the value of its JSON, as `relay.text.layout.parsed` gives it.
    """
    if not isinstance(event, dict) or not isinstance(event.get("payload"), dict):
        return ()
    type_ = event.get("type")
    own = own_id(type_) if isinstance(type_, str) else Of.OTHER
    found: dict[tuple[Of, str], LeanId] = {}
    for each in _ids(event["payload"], own):
        found.setdefault((each.of, each.value), each)
        if len(found) >= MOST_IDS:
            break
    return tuple(found.values())


def own_id(type_: str) -> Of:
    """What the `id` of a payload of this type is the id of."""
    return next((of for beginning, of in _OWN if type_.startswith(beginning)), Of.OTHER)


def _ids(payload: Mapping[str, Any], own: Of) -> Iterator[LeanId]:
    stack: list[tuple[str, Any]] = [("payload", payload)]
    while stack:
        path, value = stack.pop()
        inner: list[tuple[str, Any]] = []
        if isinstance(value, dict):
            for key, part in value.items():
                place = f"{path}.{key}"
                of = own if place == "payload.id" else _named(key)
                if of is not None and _is_id(part):
                    yield LeanId(of, part, place)
                elif isinstance(part, dict | list) and key != "metadata":
                    inner.append((place, part))
        elif isinstance(value, list):
            inner = [(f"{path}[{index}]", part) for index, part in enumerate(value[:MOST_IDS])]
        stack.extend(reversed(inner))


def _named(key: str) -> Of | None:
    return _NAMES.get(key) or (Of.OTHER if key.endswith("_id") else None)


def _is_id(value: Any) -> bool:
    # Numbers of `parsed` are texts of their own class, and no ids of Lean's.
    return type(value) is str and 0 < len(value) <= LONGEST
