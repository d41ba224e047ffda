"""What the engine says to a person whose request the store could not do.

Owns how long such a request waits for the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from relay.errors import RelayError
from relay.store.errors import StoreUnavailable

STORE_WITHIN_S = 5.0
"""How long an action waits for the store: a person waits for its answer."""


@contextmanager
def explained(words: str) -> Iterator[None]:
    """Raise that the store is unavailable as an error for a person, with the store's stable word.

    Args:
        words: what was not done, such as `nothing was changed`.
    """
    try:
        yield
    except StoreUnavailable as trouble:
        raise RelayError(f"{words}: {trouble.detail}", word=trouble.reason) from trouble
