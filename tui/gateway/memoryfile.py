"""The file with what a screen remembers of a log: read, and put in place of the one before.

Owns folder, modes and the way of writing. Nothing here raises: what cannot be read was not remembered, and
what cannot be written is not remembered; neither is worth a word on the screen.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

from tui.memory import LARGEST, Memory, name_of, read, written


def folder() -> Path:
    """Where the files lie: in the user's state folder."""
    return user_state_path("lean-relay", appauthor=False) / "screens"


def load(db: Path) -> Memory:
    """What is remembered of a log; nothing where the file is not there, or damaged."""
    try:
        with open(folder() / name_of(db), "rb") as file:
            return read(file.read(LARGEST).decode("utf-8"))
    except (OSError, ValueError):
        return Memory()


def save(db: Path, memory: Memory) -> None:
    """Remember, or leave it: 0600 in a folder of 0700, whole or as it was."""
    place = folder()
    new = place / f".{name_of(db)}.{os.getpid()}"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(written(memory).encode("utf-8", "replace"))
        os.replace(new, place / name_of(db))
    except OSError:
        with suppress(OSError):
            new.unlink()
