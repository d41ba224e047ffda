"""The tab *Headers*: all headers, in the order received."""

from __future__ import annotations

from collections.abc import Iterator

from relay.text.safe import latin1_shown, visible
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Note


def headers(detail: CaptureDetail) -> Iterator[Block]:
    """The request line and each header; secret values are masked."""
    capture = detail.capture
    version = visible(capture.http_version)
    yield Heading(f"{visible(capture.method)} {latin1_shown(capture.target)} HTTP/{version}")
    for name, value in capture.headers:
        yield Fact(latin1_shown(name), latin1_shown(value))
    if not capture.headers:
        yield Note("The request has no headers.", "dim")
