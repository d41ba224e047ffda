"""The filter language: one text, one tree, one predicate, the same in every command and screen.

Words separated by spaces must all match. `OR`, brackets, `not:word` and `-word` combine them; quotes make
any characters plain text. Case does not matter, `*` matches any text, ranges are written `a..b`, `a..` or
`..b`, also `>a`, `>=a`, `<b` and `<=b`. A word before a colon is a key, and an unknown key is an error;
`http://x`, `10:30` and quoted text are plain words.

Times without an offset are in the zone of the `now` given to `parse`, with the zone's offset at that time.
Sizes count in 1024; only kB, MB and GB count in 1000, as in the settings. Text of headers and targets is
read as UTF-8 if it is valid; bodies are searched as received, not decompressed. In JSON, keys ignore case
too, and numbers are equal by value, whatever their digits; a string that looks like a number is a string, but
in a range counts as the number.
"""

from __future__ import annotations

from datetime import datetime

from relay.filters.operators import OPERATORS
from relay.filters.parser import LONGEST, parse
from relay.filters.tree import Filter, FilterError

__all__ = ["HELP", "LONGEST", "Filter", "FilterError", "arrival_fault", "parse", "parse_for_arrival"]

HELP: tuple[tuple[str, str], ...] = (
    *((operator.example, operator.help) for operator in OPERATORS),
    ("a b", "both"),
    ("a OR b", "one of them; brackets group"),
    ("not:a  -a", "not a"),
    ('"a b"', r"a text as it is; \" is a quote in it"),
    ("a*b", "* is any text, in quotes itself"),
)
"""Keys and their meaning: the table of `lean-relay help filter`."""


def arrival_fault(filter: Filter) -> str | None:
    """Why a filter cannot decide when a capture arrives; None if it can."""
    for leaf in filter.leaves():
        if leaf.is_late:
            return f"{leaf.code}: cannot decide on arrival, because this is known only later ({leaf})"
    return None


def parse_for_arrival(text: str, now: datetime) -> Filter:
    """A filter that decides when a capture arrives: for rules and routes.

    Raises:
        ValueError: it is not valid (a `FilterError`), or needs facts that are known only later.
    """
    filter = parse(text, now)
    fault = arrival_fault(filter)
    if fault is not None:
        raise ValueError(fault)
    return filter
