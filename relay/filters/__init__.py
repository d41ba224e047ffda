"""The filter language: one text, one tree, one predicate, the same in every command and screen.

Words joined by spaces all have to hold. `OR`, brackets, `not:word` and `-word` combine them, quotes
make a text of what would mean something. Case does not matter, `*` stands for any text, ranges are
written `a..b`, `a..` or `..b`, also `>a`, `>=a`, `<b` and `<=b`. A word before a colon is a key, and a
an error where there is no such key; `http://x`, `10:30` and quoted text are plain words.

Times without an offset are on the clocks of the zone of the `now` given to `parse`, so a command line
means its own, with the offset that they have at that time. Sizes count in 1024, as in the settings only
kB, MB and GB in 1000. Text of headers and targets is read as UTF-8 where its bytes are that; bodies are
looked into as received, not decompressed. In JSON, keys fold case too, and a number is equal to a number
whatever its digits; a text that looks like a number is a text, but in a range counts as the number.
"""

from __future__ import annotations

from datetime import datetime

from relay.filters.operators import OPERATORS
from relay.filters.parser import parse
from relay.filters.tree import Filter, FilterError

__all__ = ["HELP", "Filter", "FilterError", "arrival_fault", "parse", "parse_for_arrival"]

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
    """Why a filter cannot be asked when a capture arrives; None where it can."""
    for leaf in filter.leaves():
        if leaf.is_late:
            return f"{leaf.code}: asks for what is known only later ({leaf}); it cannot decide on arrival"
    return None


def parse_for_arrival(text: str, now: datetime) -> Filter:
    """A filter that decides when a capture arrives: for rules and routes.

    Raises:
        ValueError: it is wrong (a `FilterError`), or asks for what is known only later.
    """
    filter = parse(text, now)
    fault = arrival_fault(filter)
    if fault is not None:
        raise ValueError(fault)
    return filter
