"""The terminal UI's only way out: reads the database, asks the engine, posts samples."""

from tui.gateway.checking import Checking
from tui.gateway.editing import Form
from tui.gateway.gateway import AT_ONCE, Gateway, Listener, interrupted
from tui.gateway.replays import PREVIEWED_AT_ONCE, Replays

__all__ = [
    "AT_ONCE",
    "PREVIEWED_AT_ONCE",
    "Checking",
    "Form",
    "Gateway",
    "Listener",
    "Replays",
    "interrupted",
]
