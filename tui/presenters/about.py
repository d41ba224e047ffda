"""The tab *About*: the event, its retries, and the documentation of its type."""

from __future__ import annotations

from collections.abc import Iterator

from relay.analysis.retries import EventRetries
from relay.lean.catalogue import Confidence, EventType, catalogue
from relay.models import Capture, Origin
from relay.text.safe import latin1_shown, visible, visible_start
from relay.text.units import format_ms, format_time
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Note
from tui.presenters.format import Tone

_KNOWN = {
    Confidence.DOCUMENTED: "Lean documents this type.",
    Confidence.CODE: "This type is known only from the code of receivers; Lean does not document it.",
    Confidence.INFERRED: "This type is inferred; Lean does not document it.",
    Confidence.PARTIAL: "Lean documents this type only partly.",
}


MOST_NOTE = 4096
"""Characters of a note; only older versions accepted longer ones."""

MOST_VALUE = 500
"""Characters of a value that differs from the first body's, which may have any length."""

_ORIGINS = {
    Origin.SAMPLE: "A sample made by lean-relay, not sent by Lean.",
    Origin.EVENTS_API: "Fetched from Lean's Events API, not sent by Lean as a webhook.",
    Origin.IMPORTED: "Imported from a file, not received here.",
}


def about(detail: CaptureDetail) -> Iterator[Block]:
    """Everything about the event that the row and the exchange do not show."""
    yield from _marks(detail)
    yield from _facts(detail.capture)
    yield from _all_captures(detail)
    yield from _type(detail.capture)


def _marks(detail: CaptureDetail) -> Iterator[Block]:
    capture = detail.capture
    if capture.answer.on_purpose:
        yield Note(f"! The relay itself answered {visible(capture.answer.words)}.", "warn")
    if capture.origin in _ORIGINS:
        yield Note(f"◇ {_ORIGINS[capture.origin]}", "dim")
    if detail.retries is not None:
        yield from _this_retry(detail, detail.retries)
    elif capture.repeat_of is not None:
        yield Note(f"↻ A repeat of {capture.repeat_of}, which no longer exists.", "accent")
    if capture.starred:
        yield Note("★ Starred: pruning keeps it.", "warn")
    if capture.note is not None:
        yield Note(f"✎ {visible_start(capture.note, MOST_NOTE)}", "accent")


def _this_retry(detail: CaptureDetail, retries: EventRetries) -> Iterator[Block]:
    """Which of Lean's retries it is, by the time; other bytes are an alarm."""
    own = retries.of(detail.capture.id)
    if own is not None:
        yield Note(f"↻ {len(retries.captures)} captures of this event; this one: {own.words}.", "accent")
    alarm = retries.alarm(detail.capture.id)
    if alarm is not None:
        first = retries.sent.capture.id
        yield Note(f"✗ ALARM: {alarm}.", "bad")
        for each in detail.analysis.other_bytes if detail.analysis is not None else ():
            a, b = (
                "nothing" if value is None else visible_start(value, MOST_VALUE) for value in (each.a, each.b)
            )
            yield Fact(visible_start(each.field, MOST_VALUE), f"{a} in {first}, {b} here", "bad")


def _all_captures(detail: CaptureDetail) -> Iterator[Block]:
    """Each capture of the event, and the response to it."""
    if detail.retries is None:
        return
    yield Heading("All captures of this event")
    for each in detail.retries.captures:
        here = each.capture.id == detail.capture.id
        tone: Tone = "bad" if each.has_other_bytes else "strong" if here else "plain"
        other = "; OTHER BYTES" if each.has_other_bytes else ""
        yield Fact(
            f"{'▸ ' if here else '  '}#{each.capture.id}",
            visible(f"{each.words}{other}: answered {each.answers}"),
            tone,
        )


def _facts(capture: Capture) -> Iterator[Block]:
    known = capture.event
    yield Heading("Event" if known else "Request")
    if known is not None:
        yield Fact("type", visible(known.type) if known.type else "none", "strong" if known.type else "dim")
        if known.event_id is not None:
            yield Fact("event_id", visible(known.event_id))
        if known.customer_id is not None:
            yield Fact("customer", visible(known.customer_id))
        if known.at is not None:
            delay = (capture.received_at - known.at).total_seconds() * 1000
            after = f", {format_ms(delay)} before it was received" if 0 <= delay < 86_400_000 else ""
            yield Fact("event time", f"{format_time(known.at)}{after}")
    else:
        yield Note("The body is not a JSON object with Lean's envelope.", "warn")
    yield Fact("request", f"{visible(capture.method)} {latin1_shown(capture.target)}")
    yield Fact("received", format_time(capture.received_at))
    if capture.position is not None:
        yield Fact("position", f"{capture.position} in the team's log: pos:{capture.position}")
    if capture.source is not None:
        how = "fetched" if capture.origin is Origin.EVENTS_API else "imported"
        yield Fact(f"{how} from", visible(capture.source.words))
    yield Fact("sha256", f"{visible(capture.body_sha256[:16])}…")


def _type(capture: Capture) -> Iterator[Block]:
    name = capture.event.type if capture.event else None
    if not name:
        return
    yield Heading("About this type")
    known = known_type(name)
    if known is None:
        yield Note("Lean is not known to send this type.", "warn")
        return
    yield Note(known.when)
    yield Note(_KNOWN[known.confidence], "plain" if known.confidence == Confidence.DOCUMENTED else "warn")
    if known.deprecated:
        yield Note("It is deprecated.", "warn")
    if known.regions:
        yield Fact("regions", ", ".join(known.regions))
    if known.versions:
        yield Fact("versions", ", ".join(known.versions))
    for note in known.notes:
        yield Note(note, "dim")


def known_type(name: str) -> EventType | None:
    """The catalogue's entry for a type; None without one."""
    return next((known for known in catalogue().events if known.type == name), None)
