"""The tab *Deliveries*: each target and attempt, changes to the request, and the response."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from relay.models import Attempt, Capture, Headers
from relay.text.captures import one_of_several, response
from relay.text.safe import latin1_shown, visible
from relay.text.units import format_bytes, format_ms, format_time
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Note
from tui.presenters.bodies import lines
from tui.presenters.event import sentence
from tui.presenters.format import Tone


def deliveries(detail: CaptureDetail) -> Iterator[Block]:
    """Each delivery with its attempts, in the order they were made."""
    capture = detail.capture
    if not capture.deliveries:
        yield Note("Not forwarded to any target.", "dim")
        yield Note("Start with --forward-to :3000/hook to forward captures to a backend.", "dim")
    tried = {attempt.delivery_id for attempt in detail.attempts}
    # The others have older attempts, which are not shown.
    shown = [each for each in capture.deliveries if each.id in tried or not each.attempts]
    if len(shown) < len(capture.deliveries):
        left = len(capture.deliveries) - len(shown)
        yield Note(f"{left:,} earlier deliveries are left out; `lean-relay show --attempts` has all.", "dim")
    for delivery in shown:
        yield Heading(f"{visible(delivery.kind)} to {visible(delivery.target)}")
        yield Note(*sentence(delivery))
        for attempt in detail.attempts:
            if attempt.delivery_id == delivery.id:
                yield from _attempt(attempt, capture)


def _attempt(attempt: Attempt, capture: Capture) -> Iterator[Block]:
    tone: Tone = "good" if attempt.verdict == "delivered" else "bad" if attempt.verdict == "retry" else "dim"
    came = response(attempt.status, None)
    glyph = {"good": "✓", "bad": "✗"}.get(tone, "–")
    yield Heading(f"{glyph} Attempt {attempt.number}: {came} in {format_ms(attempt.elapsed_ms)}", tone)
    yield Fact("started", format_time(attempt.started_at))
    if attempt.address is not None:
        yield Fact("address", one_of_several(attempt.address))
    if attempt.outcome != "answered":
        yield Fact("outcome", visible(attempt.outcome))
    if attempt.error:
        yield Fact("error", visible(attempt.error), tone)
    if attempt.verdict or attempt.verdict_reason:
        reason = f": {visible(attempt.verdict_reason)}" if attempt.verdict_reason else ""
        yield Fact("verdict", f"{attempt.verdict or 'none'}{reason}", tone)
    yield from _sent(attempt, capture)
    if attempt.headers is not None:
        yield from _answer(attempt)


def _answer(attempt: Attempt) -> Iterator[Block]:
    body = attempt.body or b""
    whole = len(body) if attempt.body_size is None else attempt.body_size
    kept = "" if whole == len(body) else f", of which {format_bytes(len(body))} were kept"
    yield Heading(f"Response: {attempt.status}, {format_bytes(whole)}{kept}")
    for name, value in attempt.headers or ():
        yield Fact(latin1_shown(name), latin1_shown(value))
    if body:
        yield from lines(body, attempt.headers or ())


def _sent(attempt: Attempt, capture: Capture) -> Iterator[Block]:
    """Differences from the capture; hop-by-hop headers and framing may always differ."""
    if attempt.sent_headers is not None:
        yield from _differing("sent", attempt.sent_headers, capture.headers)
        yield from _differing("not sent", capture.headers, attempt.sent_headers)
    if attempt.sent_method is not None or attempt.sent_target is not None:
        method, target = attempt.sent_method or capture.method, attempt.sent_target or capture.target
        yield Fact("sent", f"{visible(method)} {latin1_shown(target)}", "warn")
    if attempt.sent_body is not None:
        yield Heading(f"Another body was sent: {format_bytes(len(attempt.sent_body))}", "warn")
        yield from lines(attempt.sent_body, attempt.sent_headers or capture.headers)


def _differing(name: str, headers: Headers, others: Headers) -> Iterator[Block]:
    for (header, value), times in (Counter(headers) - Counter(others)).items():
        for _ in range(times):
            yield Fact(name, f"{latin1_shown(header)}: {latin1_shown(value)}", "dim")
