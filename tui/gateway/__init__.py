"""The terminal UI's only way out: reads the log, asks the engine, posts samples."""

from tui.gateway.gateway import AT_ONCE, Gateway, Listener, interrupted

__all__ = ["AT_ONCE", "Gateway", "Listener", "interrupted"]
