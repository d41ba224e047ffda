"""Short texts about captures and deliveries that commands and screens share. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relay.models import Attempt, Capture, Delivery, Shape
from relay.text.safe import latin1_shown, visible, visible_start
from relay.text.units import format_ms

MOST_TARGET = 60
"""Characters of a target shown in a line."""

MOST_NAME = 200
"""Characters of an event type or request target shown in a line; untrusted ones may be megabytes."""


def response(status: int | None, reason: str | None) -> str:
    """`500`, or the reason for no response; untrusted text."""
    return str(status) if status is not None else reason or "no response"


def relay_response(status: int | None, reason: str | None) -> str:
    """The relay's own response to a post: `relay took it: 200`, `relay answered 503`; untrusted text.

    An arrow is for the response of a backend.
    """
    if status is None:
        return response(None, reason)
    return f"relay {'took it:' if status == 200 else 'answered'} {status}"


def attempt_outcome(attempt: Attempt) -> str:
    """Result of an attempt: `500 in 41 ms`, or the reason for no response; safe to show."""
    if attempt.status is None:
        return visible(response(None, attempt.error or attempt.outcome))
    why = f", {visible(attempt.error)}" if attempt.error else ""
    return f"{attempt.status} in {format_ms(attempt.elapsed_ms)}{why}"


def outcome(delivery: Delivery) -> str:
    """State of a delivery in a word or two: `500 retry`, `queued`, `timeout retry`; safe to show."""
    if not delivery.attempts or delivery.state == "parked":
        return visible(delivery.state)
    words = [] if delivery.status is None else [str(delivery.status)]
    if delivery.outcome != "answered" or not words:
        words.append(response(None, delivery.outcome))
    return visible(" ".join([*words, *([delivery.verdict] if delivery.verdict else [])]))


def title(capture: Capture) -> str:
    """The event's type, or the request line if there is none; safe to show."""
    return event_or_request(capture.event.type if capture.event else None, capture.method, capture.target)


def event_or_request(event_type: str | None, method: str, target: str) -> str:
    """As `title`, from the parts of a capture."""
    if event_type:
        return visible_start(event_type, MOST_NAME)
    return f"{visible_start(method, MOST_NAME)} {latin1_shown(target)}"


def captures(count: int) -> str:
    """`1 capture`, `20 captures`."""
    return f"{count} capture{'' if count == 1 else 's'}"


def named_captures(ids: Sequence[int]) -> str:
    """`capture 12`, `20 captures (ids 1 to 20)`."""
    return f"capture {ids[0]}" if len(ids) == 1 else f"{captures(len(ids))} (ids {ids[0]} to {ids[-1]})"


def shape_words(shape: Shape, undocumented: bool | None) -> str:
    """`documented`, `drift`; for a type that Lean does not document, `as expected, undocumented`."""
    first = "as expected" if undocumented and shape is Shape.DOCUMENTED else str(shape)
    return ", ".join([first, *(word for word in shape_remarks(shape, undocumented) if word != first)])


def shape_remarks(shape: Shape | None, undocumented: bool | None) -> Iterator[str]:
    """Unusual properties of a shape, in a word or two; none before it is checked."""
    if shape not in (None, Shape.DOCUMENTED):
        yield str(shape)
    if undocumented and shape in (Shape.DOCUMENTED, Shape.DRIFT):
        yield "undocumented"


def live(deliveries: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
    """Those that are not replays."""
    return tuple(delivery for delivery in deliveries if delivery.kind == "live")


def worst(deliveries: tuple[Delivery, ...]) -> Delivery | None:
    """The delivery that most needs attention; None where there are none."""
    return min(deliveries, key=_urgency, default=None)


def _urgency(delivery: Delivery) -> tuple[bool, bool, int]:
    """Failed deliveries first, then unfinished ones, then the newest."""
    return delivery.verdict == "delivered", delivery.verdict is None, -delivery.id


def last_replay(deliveries: tuple[Delivery, ...]) -> Delivery | None:
    """The newest replay; None where there is none."""
    replays = (delivery for delivery in deliveries if delivery.kind != "live")
    return max(replays, key=lambda delivery: delivery.id, default=None)


def outcomes(deliveries: tuple[Delivery, ...]) -> str:
    """`-> 200 delivered`; of several live ones the most urgent, its target, and how many others; or ''.

    The last replay follows, with its target, which may be another than the usual one:
    `-> 500 retry; replay 200 delivered (localhost:3000)`.
    """
    words = []
    routed = live(deliveries)
    if (delivery := worst(routed)) is not None:
        others = f" +{len(routed) - 1} {_to(delivery)}" if len(routed) > 1 else ""
        words.append(f"{outcome(delivery)}{others}")
    if (replay := last_replay(deliveries)) is not None:
        others = f" +{replays - 1}" if (replays := len(deliveries) - len(routed)) > 1 else ""
        words.append(f"replay {outcome(replay)}{others} {_to(replay)}")
    return f"-> {'; '.join(words)}" if words else ""


def _to(delivery: Delivery) -> str:
    return f"({visible_start(delivery.target.removeprefix('http://'), MOST_TARGET)})"


def one_of_several(address: str) -> str:
    """`::1, one of several addresses of the target's name`; safe to show."""
    return f"{visible(address)}, one of several addresses of the target's name"
