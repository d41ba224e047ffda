"""Views of bodies: any bytes as numbered lines of safe, styled text.

Pure: no Textual, no file, socket or clock. `open_body` decodes a body within limits and names its
views; `OpenedBody.document` makes one; `Rows` maps its pieces to the rows of a screen; `search` finds text in
it. A body of 10 MiB costs an index, and the rows on the screen.
"""

from tui.bodies.document import Document, Hit, Span
from tui.bodies.hexdump import HexDocument
from tui.bodies.jsontext import JsonDocument
from tui.bodies.rows import Rows
from tui.bodies.text_search import Hits, found, search
from tui.bodies.viewers import OpenedBody, open_body

__all__ = [
    "Document",
    "HexDocument",
    "Hit",
    "Hits",
    "JsonDocument",
    "OpenedBody",
    "Rows",
    "Span",
    "found",
    "open_body",
    "search",
]
