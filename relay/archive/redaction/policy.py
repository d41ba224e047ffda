"""Decides what of an event stays in a redacted export; everything else is personal.

Owns what stays: types, statuses, currencies, dates and amounts, as the catalogue lists them or as names and
forms of values show them. A text in a field that Lean does not document is replaced. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from relay.lean.catalogue import Field, catalogue
from relay.text.json_values import steps

Path = tuple[str, ...]
"""Keys from the outermost on; indices are left out."""

_TYPE = re.compile(r"[a-z_]{1,40}(?:\.[a-z_-]{1,60}){1,3}")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_BIRTH = re.compile(r"birth|dob", re.IGNORECASE)
_CODES: Mapping[str, re.Pattern[str]] = {
    "iso4217": re.compile(r"[A-Z]{3}"),
    "iso3166-1-alpha2": re.compile(r"[A-Z]{2}"),
    "hex-colour": re.compile(r"#[0-9a-fA-F]{6}"),
}
_AMOUNT = re.compile(r"(?:.*_)?(?:amount|balance|total|fee|fees|price|limit|vat|tax)", re.IGNORECASE)
_AMOUNT_PARTS = frozenset({"value", "amount"})
_AMOUNT_TEXT = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,4})?")
_TIME = re.compile(r"timestamp|(?:.*_)(?:at|timestamp|time)|expires?|exp|iat|nbf", re.IGNORECASE)
_EPOCH = re.compile(r"(?:[12][0-9]{9}|[12][0-9]{12})")
_KEY = re.compile(r"[@$]?[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_DIGITS_IN_KEY = re.compile(r"[0-9]{5}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}")

FEW_DIGITS = 2
"""A number with at most this many digits identifies no person."""

MOST_DIGITS = 12
"""An amount has at most this many before its point; more are an account, a card or an identity number."""


class Policy:
    """The values that stay in one export."""

    def __init__(self, *, amounts: bool = False, leave: Sequence[str] = ()) -> None:
        """
        Args:
            amounts: whether amounts are replaced too.
            leave: paths that stay, such as `payload.metadata.order`; indices do not count.

        Raises:
            ValueError: one is not a path.
        """
        self._amounts = amounts
        self._leave = {tuple(step for step in steps(path) if isinstance(step, str)): path for path in leave}
        self.unused = set(leave)
        """Those of `leave` that no body had until now."""

    def is_left(self, path: Path) -> bool:
        """Whether the value there, and all below it, is kept."""
        found = self._leave.get(path)
        if found is None:
            return False
        self.unused.discard(found)
        return True

    def keeps_key(self, key: str, field: Field | None) -> bool:
        """Whether the name of a field stays: it is documented, or looks like a name and not like a value."""
        if field is not None:
            return True
        return _KEY.fullmatch(key) is not None and _DIGITS_IN_KEY.search(key) is None

    def keeps_text(self, text: str, path: Path, field: Field | None) -> bool:
        """Whether a text stays.

        Args:
            field: what the catalogue knows of it; None if it is not documented.
        """
        name = path[-1] if path else ""
        if path == ("type",) and _TYPE.fullmatch(text):
            return True
        if field is not None:
            if text in field.enum or text in field.seen_values:
                return True
            code = _CODES.get(field.format or "")
            if code is not None and code.fullmatch(text):
                return True
        if text in constants():
            return True
        if _DATE.fullmatch(text):
            return _BIRTH.search(name) is None
        if name.lower().endswith("currency") and _CODES["iso4217"].fullmatch(text):
            return True
        return self._is_amount(path) and not self._amounts and _AMOUNT_TEXT.fullmatch(text) is not None

    def keeps_number(self, written: str, path: Path, field: Field | None) -> bool:
        """Whether a number stays."""
        whole = re.split(r"[.eE]", written.lstrip("-"), maxsplit=1)[0]
        if len(whole) > MOST_DIGITS:
            return self._is_time(path) and _EPOCH.fullmatch(written) is not None
        if self._is_amount(path):
            return not self._amounts
        if field is not None and field.type in ("integer", "number"):
            return True
        if self._is_time(path) and _EPOCH.fullmatch(written) is not None:
            return True
        return sum(map(str.isdigit, written)) <= FEW_DIGITS

    def _is_amount(self, path: Path) -> bool:
        if not path:
            return False
        if _AMOUNT.fullmatch(path[-1]):
            return True
        return len(path) > 1 and path[-1].lower() in _AMOUNT_PARTS and _AMOUNT.fullmatch(path[-2]) is not None

    def _is_time(self, path: Path) -> bool:
        return bool(path) and _TIME.fullmatch(path[-1]) is not None and _BIRTH.search(path[-1]) is None


def payload_fields(event_type: str | None) -> Mapping[str, Field]:
    """The documented fields of a type's payload, by name; none of a type that is not known."""
    return _payloads().get(event_type or "", {})


def by_name(fields: Iterable[Field]) -> Mapping[str, Field]:
    """Fields by their names, without wildcards."""
    return {field.name: field for field in fields if field.name != "*"}


@cache
def envelope_fields() -> Mapping[str, Field]:
    return by_name(catalogue().envelope)


@cache
def _payloads() -> Mapping[str, Mapping[str, Field]]:
    return {event.type: by_name(event.payload) for event in catalogue().events}


@cache
def constants() -> frozenset[str]:
    """Texts that are Lean's own, whatever field they stand in: statuses, messages, its mock banks."""
    known = catalogue()
    found = {message for event in known.events for message in event.messages}
    found |= {event.type for event in known.events}
    found |= {*known.decline_codes, *(name for names in known.bank_identifiers.values() for name in names)}
    for event in known.events:
        for field in _all(event.payload):
            found |= {*field.enum, *field.seen_values}
    return frozenset(text for text in found if not text.isdigit())


def _all(fields: Iterable[Field]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from _all(field.fields)
        if field.items is not None:
            yield from _all([field.items])
