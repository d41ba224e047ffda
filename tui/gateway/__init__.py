"""The terminal UI's only way out: reads the log, asks the engine, posts samples."""

from tui.gateway.editing import Form
from tui.gateway.gateway import AT_ONCE, Gateway, Listener, interrupted

__all__ = ["AT_ONCE", "Form", "Gateway", "Listener", "interrupted"]
