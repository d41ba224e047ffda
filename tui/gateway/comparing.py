"""Two captures read and compared. For threads: large bodies take their time."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from relay.config import Settings
from relay.diff import compared
from relay.errors import NotFound
from relay.models import Capture
from relay.store.reader import Reader
from tui.facts.comparing import Comparison

MOST_FIELDS = 5_000
"""Fields that are shown; those that differ come first."""


def comparison(reader: Reader, settings: Settings, a: int, b: int | None) -> Comparison:
    """Two captures field by field, secret headers masked.

    Args:
        b: None for the one before `a` that has its event type; that is the left one then.

    Raises:
        NotFound: one is not there, or none came before.
    """
    right = _there(reader, a if b is None else b)
    if b is None:
        kind = right.event.type if right.event is not None else None
        if kind is None:
            raise NotFound(f"capture {a} has no event type to find another by; mark two to compare them")
        before = reader.previous_of_type(a)
        if before is None:
            raise NotFound(f"no {kind} came before capture {a}; mark two captures to compare them")
        left = _there(reader, before)
    else:
        left = _there(reader, a)
    fields = compared(left, right)
    rows = tuple(each.masked(settings.mask_headers) for each in islice(fields, MOST_FIELDS))
    return Comparison(a=_bare(left), b=_bare(right), rows=rows, left_out=sum(1 for _ in fields))


def _there(reader: Reader, number: int) -> Capture:
    capture = reader.capture(number)
    if capture is None:
        raise NotFound(f"capture {number} is no longer there")
    return capture


def _bare(capture: Capture) -> Capture:
    return replace(capture, body=b"", headers=())
