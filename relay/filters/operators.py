"""The list of filter operators, by key.

Each operator is a class in `columns`, `content`, `deliveries`, `ids` or `tls`.
"""

from __future__ import annotations

from functools import cache

from relay.filters.columns import (
    Answered,
    Client,
    Customer,
    EventId,
    Is,
    Method,
    OfOrigin,
    Path,
    Sender,
    Shaped,
    Signed,
    SignedBy,
    Since,
    Size,
    Token,
    Type,
    Until,
)
from relay.filters.content import Body, BodyField, Header, LeanId, Word
from relay.filters.deliveries import Judged, State, Status
from relay.filters.ids import Numbered, Positioned
from relay.filters.tls import TlsSubject, TlsVerdict
from relay.filters.tree import Leaf

OPERATORS: tuple[type[Leaf], ...] = (
    Word,
    Numbered,
    Positioned,
    Type,
    EventId,
    Customer,
    LeanId,
    Signed,
    SignedBy,
    Token,
    Sender,
    Shaped,
    Judged,
    Status,
    State,
    Answered,
    Method,
    Path,
    Header,
    Body,
    BodyField,
    Size,
    Client,
    TlsSubject,
    TlsVerdict,
    Since,
    Until,
    OfOrigin,
    Is,
)
"""In the order of the help table."""


@cache
def _codes() -> dict[str, type[Leaf]]:
    return {operator.code: operator for operator in OPERATORS if operator.code and operator is not BodyField}


def by_code(key: str) -> type[Leaf]:
    """The operator of a key in lower case.

    Raises:
        KeyError: unknown key; its argument is all keys.
    """
    if key.startswith("body."):
        return BodyField
    try:
        return _codes()[key]
    except KeyError:
        raise KeyError(tuple(_codes())) from None
