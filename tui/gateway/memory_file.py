"""The file with what a screen remembers of a log: read, and put in place of the one before.

Owns folder, modes and the way of writing. Nothing here raises: what cannot be read was not remembered, and
what cannot be written is not remembered; neither is worth a word on the screen.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

from relay import private_files
from tui.state.memory import LARGEST, Memory, name_of, read, written


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
    with suppress(OSError):
        private_files.make_folder(place)
        private_files.replace(place / name_of(db), written(memory).encode("utf-8", "replace"))
