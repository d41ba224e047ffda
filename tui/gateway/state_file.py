"""Load and save the screen state for a database.

Owns folder, modes and atomic writing. Nothing here raises: state that cannot be read or written is lost,
which is not worth a message.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

from relay import private_files
from tui.state.screen_state import LARGEST, ScreenState, name_of, read, written


def folder() -> Path:
    """The folder of the files, in the user's state folder."""
    return user_state_path("lean-relay", appauthor=False) / "screens"


def load(db: Path) -> ScreenState:
    """The state for a database; the default where the file is missing or damaged."""
    path = folder() / name_of(db)
    try:
        if private_files.why_not_ours(path) is not None:
            return ScreenState()  # A pipe would never open, and a link is not ours to follow.
        with open(path, "rb") as file:
            return read(file.read(LARGEST).decode("utf-8"))
    except (OSError, ValueError):
        return ScreenState()


def save(db: Path, state: ScreenState) -> None:
    """Save the state where possible: atomically, mode 0600 in a folder of mode 0700."""
    place = folder()
    with suppress(OSError):
        private_files.make_folder(place)
        private_files.replace(place / name_of(db), written(state).encode("utf-8", "replace"))
