"""Items to copy from captures: each with a key, a name, and the exact bytes. Pure.

Text from outside that has to fit one line is made safe; a body is copied byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relay.models import Capture
from relay.text.export import http_bytes
from relay.text.safe import latin1_shown, visible
from relay.text.units import format_bytes
from tui.presenters.format import cut

CLIPBOARD_UP_TO = 64 * 1024
"""Bytes sent to a terminal; some accept at most 74,994 of base64."""

PREVIEW = 48


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to copy."""

    key: str
    """The letter that copies it; empty for headers, which have none."""
    name: str
    preview: str
    """Safe to show."""
    data: bytes
    file: str
    """Name of a file with it."""

    @property
    def as_text(self) -> str | None:
        """The text for a clipboard; None where it is too large or not text."""
        if len(self.data) > CLIPBOARD_UP_TO:
            return None
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            return None


def of_one(capture: Capture, curl: str, at_cursor: tuple[str, str] | None) -> Iterator[Item]:
    """Items of one capture.

    Args:
        capture: with secret headers masked.
        curl: a command that sends it again.
        at_cursor: path and JSON of the value under the cursor in the body.
    """
    number = capture.id
    if at_cursor is not None:
        path, value = at_cursor
        name = _start(path) or "the whole"
        yield _line("v", f"value of {name}", value, f"capture-{number}-value.json", safe=False)
        yield _line("p", "path of that value", path, f"capture-{number}-path.txt")
    ending = "json" if capture.body.lstrip()[:1] in (b"{", b"[") else "body"
    if capture.body:
        yield Item(
            "b",
            "body, byte for byte",
            format_bytes(len(capture.body)),
            capture.body,
            f"capture-{number}.{ending}",
        )
    yield _line("i", "id", str(number), f"capture-{number}-id.txt")
    if capture.event is not None and capture.event.event_id is not None:
        yield _line("e", "event_id", capture.event.event_id, f"capture-{number}-event-id.txt")
    yield _line("c", "curl line", curl, f"capture-{number}.sh", safe=False)
    request = http_bytes(capture, capture.headers)
    yield Item("h", "request as HTTP", format_bytes(len(request)), request, f"capture-{number}.http")
    for at, (name, value) in enumerate(capture.headers, 1):
        text = f"{latin1_shown(name)}: {latin1_shown(value)}"
        yield _line("", "header", text, f"capture-{number}-header-{at}.txt")


def of_several(ids: Sequence[int], event_ids: Sequence[str]) -> Iterator[Item]:
    """Items of several captures: their ids, as commands take them, and their event_ids."""
    yield _line("i", f"{len(ids):,} ids", " ".join(map(str, ids)), "ids.txt")
    if event_ids:
        lines = "\n".join(map(visible, event_ids))
        yield Item(
            "e",
            f"{len(event_ids):,} event_ids",
            f"{_start(event_ids[0])} …",
            lines.encode(),
            "event-ids.txt",
        )


def _line(key: str, name: str, text: str, file: str, *, safe: bool = True) -> Item:
    data = (visible(text) if safe else text).encode("utf-8", "surrogateescape")
    return Item(key, name, _start(text), data, file)


def _start(text: str) -> str:
    """The beginning of a text of any length, safe to show."""
    return cut(visible(text[: PREVIEW + 1]), PREVIEW)
