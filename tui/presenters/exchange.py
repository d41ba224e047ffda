"""The tab *Exchange*: facts about a capture in a line, and what the backends responded."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

from relay.models import Attempt, Delivery, Origin, Shape
from relay.text.captures import last_replay, live, shape_remarks, shape_words, worst
from relay.text.safe import visible, visible_start
from relay.text.units import format_bytes, format_ms
from tui.presenters.blocks import Block, CaptureDetail, Heading, Note
from tui.presenters.deliveries import not_forwarded, response_body, result, sentence
from tui.presenters.format import SHAPES, SIGNATURES, Piece, counted, led, of_delivery

MOST_NOTE = 200
"""Characters of a note; the tab *About* has all of it."""

GAP = "   "
"""Between two facts."""

_CONCLUSIONS = {"delivered": "Lean would count this as delivered", "retry": "Lean would retry"}


def facts(detail: CaptureDetail, width: int) -> list[Piece]:
    """Signature, shape, size and verdict in a line; in shorter words where it does not fit."""
    long = list(_facts(detail))
    forms = [[form[0] if place >= shortened else form[1] for place, form in enumerate(long)]
             for shortened in range(len(long) + 1)]  # fmt: skip
    line = next((form for form in forms if _cells(form) <= width), forms[-1])
    pieces: list[Piece] = []
    for text, tone in line:
        pieces += [(GAP, "plain"), *led(text, tone)] if pieces else led(text, tone)
    return pieces


def _cells(pieces: list[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces) + len(GAP) * (len(pieces) - 1)


def _facts(detail: CaptureDetail) -> Iterator[tuple[Piece, Piece]]:
    """Each fact in a long form and a short one."""
    capture = detail.capture
    glyph, tone = SIGNATURES[capture.signature]
    by = f" by {visible(capture.signed_by)}" if capture.signed_by else ""
    word = f"{glyph} {capture.signature}"
    yield (f"{word}{by}", tone), (word, tone)
    yield from _shape(detail)
    if capture.origin is not Origin.RECEIVED:
        yield (f"◇ {capture.origin}", "dim"), (f"◇ {capture.origin}", "dim")
    size: Piece = format_bytes(len(capture.body)), "dim"
    yield size, size
    yield _verdict(capture.deliveries)


def _shape(detail: CaptureDetail) -> Iterator[tuple[Piece, Piece]]:
    capture = detail.capture
    result = detail.analysis.shape_result if detail.analysis is not None else None
    shape = result.shape if result is not None else capture.shape
    if shape is None:
        return
    words = shape_words(shape, capture.undocumented)
    glyph, _, tone = SHAPES[shape]
    if result is None or not result.differences:
        sure = words == Shape.DOCUMENTED
        piece: Piece = (f"{glyph or ('✓' if sure else '≈')} {words}", "good" if sure else "warn")
        yield piece, piece
        return
    warnings = sum(each.warning for each in result.differences)
    notes = len(result.differences) + result.more - warnings
    counts = ", ".join(
        counted(count, name) for count, name in ((warnings, "warning"), (notes, "note")) if count
    )
    remarks = "".join(f", {word}" for word in shape_remarks(shape, capture.undocumented) if word != shape)
    tone = "warn" if warnings else "plain"
    yield (f"{glyph or '·'} {words}: {counts}", tone), (f"{glyph or '·'} {counts}{remarks}", tone)


def _verdict(deliveries: tuple[Delivery, ...]) -> tuple[Piece, Piece]:
    """The live delivery that most needs attention; a replay never takes its place."""
    routed = live(deliveries)
    delivery = worst(routed)
    if delivery is None:
        none: Piece = ("not forwarded", "dim")
        return none, none
    text, tone = of_delivery(delivery)
    took = (
        ""
        if delivery.elapsed_ms is None or not delivery.attempts
        else f" in {format_ms(delivery.elapsed_ms)}"
    )
    others = f" +{len(routed) - 1}" if len(routed) > 1 else ""
    short = f"{text}{took}{others}"
    conclusion = _CONCLUSIONS.get(delivery.verdict or "")
    return (f"{short}: {conclusion}" if conclusion else short, tone), (short, tone)


def remarks(detail: CaptureDetail) -> list[list[Piece]]:
    """Lines about what must not be missed: other bytes, an answer on purpose, a note."""
    capture = detail.capture
    lines: list[list[Piece]] = []
    alarm = detail.retries.alarm(capture.id) if detail.retries is not None else None
    if alarm is not None:
        lines.append([("✗ ALARM: ", "bad"), (f"{alarm}; About has what differs.", "plain")])
    if capture.answer.on_purpose:
        lines.append(
            [("! ", "warn"), (f"The relay itself answered {visible(capture.answer.words)}.", "plain")]
        )
    if capture.note is not None:
        lines.append([("✎ ", "accent"), (visible_start(capture.note, MOST_NOTE), "plain")])
    return lines


def source(detail: CaptureDetail) -> str:
    """Where the newest response came from: `localhost:3000/hook`; safe to show."""
    shown = _shown(detail.attempts)
    targets = [attempt.target for attempt in shown] or [each.target for each in detail.capture.deliveries]
    if not targets:
        return "no target"
    target = visible(targets[0].removeprefix("http://"))
    return f"replay to {target}" if shown and shown[0].kind != "live" else target


def responses(detail: CaptureDetail) -> Iterator[Block]:
    """The newest attempt, then the last live one of each target that is not the same one."""
    capture = detail.capture
    if not capture.deliveries:
        yield from not_forwarded()
        return
    for delivery in reversed(capture.deliveries):
        if delivery.state != "ended":
            yield Note(*sentence(delivery, with_target=False))
    shown = _shown(detail.attempts)
    for place, attempt in enumerate(shown):
        if len(shown) > 1 or attempt.kind != "live":  # Otherwise the facts above have it.
            text, tone = result(attempt)
            to = f" to {visible(attempt.target.removeprefix('http://'))}" if place else ""
            yield Heading(f"{text}, {visible(attempt.kind)}{to}", tone)
        elif attempt.status is None:
            yield Note(f"No response: {visible(attempt.error or attempt.outcome)}.")
        yield from response_body(attempt)


def _shown(attempts: tuple[Attempt, ...]) -> list[Attempt]:
    shown: dict[int, Attempt] = {}
    for attempt in reversed(attempts):
        if not shown or (attempt.kind == "live" and attempt.delivery_id not in shown):
            shown[attempt.delivery_id] = attempt
    return list(shown.values())


def summary(detail: CaptureDetail) -> list[Piece]:
    """`2 attempts · live ✗ 500 · replay ✓ 200`: every kind of response by name; empty without a delivery."""
    deliveries = detail.capture.deliveries
    if not deliveries:
        return []
    attempts = sum(delivery.attempts for delivery in deliveries)
    pieces: list[Piece] = [(counted(attempts, "attempt"), "dim")]
    for place, delivery in enumerate(live(deliveries)):
        pieces += [(", " if place else " · live ", "dim"), of_delivery(delivery)]
    replay = last_replay(deliveries)
    if replay is not None:
        pieces += [(" · replay ", "dim"), of_delivery(replay)]
    return pieces
