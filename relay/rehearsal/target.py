"""Whether the backend is there at all, before a rehearsal begins."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit

from relay.errors import Unreachable
from relay.text.safe import visible

CONNECT_WITHIN_S = 10.0


async def check_reachable(target: str) -> None:
    """Connect once, and close.

    Args:
        target: its name, a URL.

    Raises:
        Unreachable: nothing listens there.
    """
    parts = urlsplit(target)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, UnicodeError) as error:  # The latter for a name that cannot be one, such as a..b.
        number = getattr(error, "errno", None)
        reason = "no connection" if number is None or number < 0 else os.strerror(number)
        raise Unreachable(f"could not reach {visible(target)}: {reason}; start your backend first") from error
    writer.close()
