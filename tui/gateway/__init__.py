"""The terminal UI's only way out: reads the database, asks the engine, posts samples."""

from tui.gateway.edit_form import Form
from tui.gateway.gateway import AT_ONCE, Gateway, Listener, interrupted
from tui.gateway.rehearsals import Rehearsals
from tui.gateway.replays import PREVIEWED_AT_ONCE, Replays
from tui.gateway.run_check import RunCheck

__all__ = [
    "AT_ONCE",
    "PREVIEWED_AT_ONCE",
    "Form",
    "Gateway",
    "Listener",
    "Rehearsals",
    "Replays",
    "RunCheck",
    "interrupted",
]
