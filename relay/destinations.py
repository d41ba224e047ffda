"""Where targets are and how TLS is spoken there: one maker, whoever sends.

Owns how settings become destinations. Reads no file and resolves no name.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.config import Settings
from relay.outgoing import Destination, destination


def destinations(targets: Iterable[str], settings: Settings) -> dict[str, Destination]:
    """Destinations by the targets' names, in that order.

    Raises:
        ValueError: one is no target, with what to write instead.
    """
    tls = settings.target_tls
    return {target: destination(target, **tls) for target in targets}
