"""Files that a command writes because its user named them.

Opened as a shell's `>` opens them: links are followed, pipes and devices written to, an existing file keeps
its mode. A new one is readable by its user alone, as it may hold bodies.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

BUFFER_BYTES = 1024 * 1024


def open_output(path: Path) -> BinaryIO:
    """Open a file for writing, from its beginning.

    Raises:
        OSError: as the system says.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    return open(descriptor, "wb", buffering=BUFFER_BYTES)
