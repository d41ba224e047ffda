"""Differences that any two events have: ids and times.

Pure. Owns what counts as an id or a time. Both sides have to be one: a field that one side lacks, or that
has another kind of value there, is a difference of its own.
"""

from __future__ import annotations

import re

from relay.analysis.diff import Difference
from relay.text.json_values import first_steps

_UUID = re.compile(r'"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"', re.IGNORECASE)
"""The form of Lean's own ids; also those that its field names do not show."""

_MOMENT = re.compile(r'"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^"]*"', re.ASCII)
"""A date with a time of day. A date alone, such as the end of a consent, is chosen by somebody."""

_EPOCH = re.compile(r"\d{9,19}", re.ASCII)
"""Seconds, or parts of them, since 1970; a number only where the name says that it is a time."""


def is_incidental(difference: Difference) -> bool:
    """Whether a difference is between two ids or two times in JSON bodies."""
    place, _, path = difference.field.partition(" ")
    a, b = difference.a, difference.b
    if place != "body" or not path or a is None or b is None:
        return False
    name = _name(path)
    return any(is_one(name, a) and is_one(name, b) for is_one in (_is_id, _is_moment))


def _name(path: str) -> str:
    """The innermost key of a path: `account_ids` of `payload.account_ids[0]`."""
    keys = [step for step in first_steps(path)[0] if isinstance(step, str)]
    return keys[-1] if keys else ""


def _is_id(name: str, value: str) -> bool:
    # `bank_identifier` is a choice of the customer, so of the names only `id` and those with `_id` count.
    if name == "id" or name.endswith(("_id", "_ids")):
        return value.startswith('"')
    return _UUID.fullmatch(value) is not None


def _is_moment(name: str, value: str) -> bool:
    if _MOMENT.fullmatch(value):
        return True
    return (name == "timestamp" or name.endswith(("_at", "_timestamp"))) and bool(_EPOCH.fullmatch(value))
