"""The pipe between a screen and its listener: what both ends know of it.

The listener ends when the pipe closes, as it does when the screen ends for any reason.
"""

from __future__ import annotations

DETACHED = -1
"""Instead of the pipe's descriptor: the listener may outlive its screen."""

GO_ON = b"\n"
"""Sent through the pipe to a listener that is to outlive its screen."""
