"""Captures in whose bodies ids stand.

Owns the scan over all bodies: windows of ids with gaps in between, as `relay.store.search` does it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from time import sleep

from relay.store.reader import Reader
from relay.store.search import GAP_S

WINDOW = 20_000
"""Ids of one statement."""

_UUID = re.compile(rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def naming(reader: Reader, ids: Set[str]) -> Iterator[int]:
    """The captures whose body has one of the ids somewhere in its bytes, oldest first.

    A look at bytes: ids behind JSON escapes are not found, and whether one stands where an id is meant is the
    caller's to see. Some 3 us for each capture of the log. Ends early when the reader is interrupted.
    """
    interruptions = reader.interruptions
    written = {each.encode("utf-8", "surrogatepass") for each in ids}
    uuids = {each for each in written if _UUID.fullmatch(each)}
    others = sorted(written - uuids)

    def holds(body: bytes) -> bool:
        # Many ids at once: one pass that cuts out what looks like an id beats one search for each.
        if uuids and not uuids.isdisjoint(_UUID.findall(body)):
            return True
        return any(other in body for other in others)

    name = reader.add_function(1, holds)
    try:
        after, newest = reader.oldest_id() - 1, reader.newest_id()
        while after < newest and reader.interruptions == interruptions:
            end = min(newest, after + WINDOW)
            found = reader.rows(
                f"SELECT id FROM captures WHERE id > ? AND id <= ? AND {name}(body) ORDER BY id", (after, end)
            )
            yield from (number for (number,) in found)
            after = end
            sleep(GAP_S)
    finally:
        reader.remove_function(name, 1)
