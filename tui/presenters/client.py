"""The tab *Client*: the sender, as far as the connection shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from relay.models import Comparison
from relay.text.safe import visible
from relay.text.tls_facts import rows
from relay.text.units import format_time
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Note
from tui.presenters.format import Tone


def client(detail: CaptureDetail) -> Iterator[Block]:
    """Address, TLS facts, and comparisons with the settings."""
    capture = detail.capture
    yield Heading("Connection")
    yield Fact("address", visible(capture.client))
    match capture.sender:
        case Comparison.MATCH:
            yield Note("✓ One of the addresses configured as Lean's (`senders`).", "good")
        case Comparison.MISMATCH:
            yield Note("✗ None of the addresses configured as Lean's (`senders`).", "bad")
        case None:
            yield Note("Not compared: `senders` lists no addresses.", "dim")
    match capture.app_token:
        case Comparison.MATCH:
            yield Note("✓ Its lean-app-token is the configured one.", "good")
        case Comparison.MISMATCH:
            yield Note("✗ Its lean-app-token is not the configured one.", "bad")
        case None:
            yield Note("No lean-app-token was compared: it has none, or none is configured.", "dim")
    yield Note(
        "Behind a tunnel the address is the tunnel's, and X-Forwarded-For is only a claim.",
        "dim",
    )
    yield Heading("TLS")
    if capture.tls is None:
        yield Note("Plain HTTP: there was no TLS between the caller and the relay.", "dim")
    else:
        yield from _tls(capture.tls)
    yield Heading("The relay's response")
    answer = capture.answer
    yield Fact("status", visible(answer.words), "warn" if answer.on_purpose else "plain")
    yield Fact("received", format_time(capture.received_at))


def _tls(tls: Mapping[str, Any]) -> Iterator[Block]:
    """Encryption, caller and certificate, as in `show`."""
    known = tls.get("authenticated") is True
    for name, value in rows(tls):
        if name == "subject":
            yield Heading("The caller's certificate")
        tone: Tone = "plain"
        if name == "caller":
            value = f"{'✓' if known else '○'} {value}"
        if name in ("caller", ""):
            tone = "good" if known else "warn"
        yield Fact(name, value, tone)
    if not isinstance(tls.get("certificate"), dict):
        yield Note("The caller sent no certificate.", "dim")
