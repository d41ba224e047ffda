"""The tab *Signature*: what it is worth, and why."""

from __future__ import annotations

from collections.abc import Iterator

from relay.lean.signature import HEADER
from relay.models import Signature
from relay.text import latin1_shown, visible
from tui.facts.blocks import Block, Fact, Heading, Note, Subject
from tui.format import SIGNATURES

_MEANS = {
    Signature.VALID: "The body is, byte for byte, what somebody with this secret signed.",
    Signature.INVALID: "No configured secret made this signature over this body.",
    Signature.MALFORMED: "The signature has not the form that Lean documents.",
    Signature.MISSING: "It carries no signature.",
    Signature.UNCHECKED: "It was not checked: no webhook secret was configured when it came.",
}


def signature(subject: Subject) -> Iterator[Block]:
    """The judgement, its reason, and the header itself."""
    capture = subject.capture
    glyph, tone = SIGNATURES[capture.signature]
    by = f" by {visible(capture.signed_by)}" if capture.signed_by else ""
    yield Note(f"{glyph} {capture.signature}{by}", tone)
    yield Note(_MEANS[capture.signature])
    if capture.signature is not Signature.VALID and subject.why_not_valid:
        yield Note(f"With the secrets of now: {visible(subject.why_not_valid)}.", tone)
    yield Heading("Header")
    values = [value for name, value in capture.headers if name.lower() == HEADER]
    for value in values:
        yield Fact(HEADER, latin1_shown(value))
    if not values:
        yield Note(f"There is no {HEADER} header.", "dim")
    yield Heading("How Lean signs")
    yield Note(
        "lean-signature: sha512= and 128 lowercase hex digits, the HMAC-SHA512 of the raw body, keyed with "
        "the text of the webhook secret."
    )
    known = ", ".join(map(visible, subject.secrets)) or "none; LEAN_WEBHOOK_SECRET sets one"
    yield Fact("secrets", known)
