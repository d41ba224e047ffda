"""Lines of a file of any size: one at a time, none longer than a limit. Opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

MOST_LINE_BYTES = 128 * 1024 * 1024
"""A body of 32 MiB in the least dense form that an export has, `\\u0000`, is longer; one in base64 is not."""

CHUNK_BYTES = 1024 * 1024


def lines(
    file: BinaryIO, *, after: int = 0, most: int = MOST_LINE_BYTES
) -> Iterator[tuple[int, bytes | None]]:
    """Number and bytes of each line, without its end; None for one that is too long.

    Args:
        after: the number of the line before.
    """
    number = after
    while line := file.readline(most + 1):
        number += 1
        if len(line) > most and not line.endswith(b"\n"):
            while (rest := file.readline(CHUNK_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        else:
            yield number, line.removesuffix(b"\n")
