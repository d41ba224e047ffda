"""All captures that belong to one of Lean's ids, as a timeline.

Owns which ids belong together, and the facts of each step: gaps, status changes, retries, verdicts. Lean
guarantees no order, so it reports the order of arrival and never an expected one. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from relay.analysis.retries import OTHER_BYTES, RetriedCapture, retries_of
from relay.lean.ids import LeanId, Of, ids_of
from relay.models import Capture, Delivery, Shape, Signature, iso
from relay.text.captures import last_replay, live, outcome, shape_remarks
from relay.text.json_values import parsed

MOST_IDS = 10_000
"""Limit of followed ids; a customer has hundreds."""

OBJECTS = frozenset(
    {
        Of.ENTITY,
        Of.PAYMENT,
        Of.INTENT,
        Of.SOURCE,
        Of.BENEFICIARY,
        Of.CONSENT,
        Of.ACCOUNT,
        Of.RESULTS,
        Of.REFRESH,
    }
)
"""Kinds that belong to one customer. Destinations, users and banks belong to several, so nothing is followed
through them; a customer's own ids are followed from the customer alone."""

_FOLLOWED: Mapping[Of, frozenset[Of]] = {
    Of.CUSTOMER: OBJECTS,
    Of.ENTITY: frozenset({Of.RESULTS, Of.REFRESH}),
    Of.PAYMENT: frozenset({Of.INTENT}),
    Of.INTENT: frozenset({Of.PAYMENT}),
    Of.CONSENT: frozenset({Of.PAYMENT, Of.INTENT}),
    Of.SOURCE: frozenset({Of.BENEFICIARY}),
}

RECONCILIATION = "reconciliation"

_WITHOUT_ID: Mapping[str, Of] = {
    "entity.data.refresh": Of.REFRESH,
    "payment_intent": Of.INTENT,
    "payment.reconciliation": Of.PAYMENT,
}
"""For events without `payload.id`: the kind of object that has the status, by prefix of the type."""


class RelatedIds:
    """The ids that belong together, collected event by event from one root id."""

    def __init__(self, root_id: str) -> None:
        self.root_id = root_id
        self.ids: dict[str, Of] = {root_id: Of.OTHER}
        """Id -> kind; the root's kind is OTHER until an event shows it."""
        self._root_kinds: set[Of] = set()

    def belongs(self, found: Iterable[LeanId]) -> bool:
        """Whether an event with these ids belongs to it."""
        return any(each.value in self.ids for each in found)

    def add_from(self, found: Iterable[LeanId]) -> set[str]:
        """Add the ids that an event of this journey links to; returns the new ones."""
        found = tuple(found)
        self._root_kinds |= {each.of for each in found if each.value == self.root_id}
        if Of.CUSTOMER in self._root_kinds and any(
            each.of is Of.CUSTOMER and each.value != self.root_id for each in found
        ):
            return set()  # Another customer's event that names an id of this one: shown, not followed.
        follow = frozenset().union(*(_FOLLOWED.get(of, frozenset()) for of in self._root_kinds))
        new = set()
        for each in found:
            if each.value == self.root_id:
                self.ids[each.value] = each.of
            elif each.of in follow and each.value not in self.ids and len(self.ids) < MOST_IDS:
                self.ids[each.value] = each.of
                new.add(each.value)
        return new


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of an object as reported by an event, with the previous one."""

    what: str
    """`payment`, `consent`, or `reconciliation` for a payment's second status."""
    of: Of
    id: str
    before: str | None
    """None if no earlier status is known."""
    now: str

    @property
    def words(self) -> str:
        """`payment PENDING_WITH_BANK -> ACCEPTED_BY_BANK`; text from outside."""
        change = "" if self.before in (None, self.now) else f"{self.before} -> "
        return f"{self.what} {change}{self.now}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One capture of the journey."""

    capture_id: int
    received_at: datetime
    event_at: datetime | None
    type: str | None
    gap: timedelta
    """Since the previous step; zero for the first."""
    status: Status | None
    ids: tuple[LeanId, ...]
    retry: RetriedCapture | None
    """Its place among the captures of the same event; None if there is only one."""
    stamped_before: int | None
    """An earlier capture with a later event time."""
    signature: Signature
    shape: Shape | None
    undocumented: bool | None
    """As a capture's."""
    answer: int
    deliveries: tuple[Delivery, ...]

    @property
    def words(self) -> Iterator[str]:
        """Its facts in words: status, signature, responses, retries, shape; text from outside."""
        if self.status is not None:
            yield self.status.words
        if self.signature != "valid":
            yield f"signature {self.signature}"
        if self.answer != 200:
            yield f"answered {self.answer}"
        routed = live(self.deliveries)
        for delivery in routed:
            yield f"-> {outcome(delivery)}"
        if (replay := last_replay(self.deliveries)) is not None:
            count = len(self.deliveries) - len(routed)
            yield f"-> replay {outcome(replay)}" + (f", the last of {count}" if count > 1 else "")
        if self.retry is not None and self.retry.number > 1:
            yield self.retry.words + (OTHER_BYTES if self.retry.has_other_bytes else "")
        if self.stamped_before is not None:
            yield f"has an earlier timestamp than {self.stamped_before}, which arrived before it"
        yield from shape_remarks(self.shape, self.undocumented)

    def as_json(self) -> dict[str, Any]:
        """One line of `journey --json`."""
        return {
            "kind": "step",
            "capture_id": self.capture_id,
            "received_at": iso(self.received_at),
            "event_at": None if self.event_at is None else iso(self.event_at),
            "type": self.type,
            "gap_s": self.gap.total_seconds(),
            "status": None
            if self.status is None
            else {
                "of": self.status.of,
                "id": self.status.id,
                "before": self.status.before,
                "now": self.status.now,
            },
            "ids": [{"of": each.of, "id": each.value, "path": each.path} for each in self.ids],
            "try": None if self.retry is None else self.retry.as_json(),
            "stamped_before": self.stamped_before,
            "signature": self.signature,
            "shape": self.shape,
            "undocumented": self.undocumented,
            "answer": self.answer,
            "deliveries": [each.as_json() for each in self.deliveries],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """All steps, in order of arrival."""

    root_id: str
    of: Of
    """The kind of object that the root id identifies, as far as its events show."""
    ids: tuple[tuple[Of, str], ...]
    """The other ids that were followed."""
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """The first line of `journey --json`."""
        return {
            "kind": "journey",
            "id": self.root_id,
            "of": self.of,
            "captures": len(self.steps),
            "ids": [{"of": of, "id": value} for of, value in self.ids],
        }


class Builder:
    """Builds a journey from the captures of a set of related ids; feed it oldest first.

    Keeps neither bodies nor headers.
    """

    def __init__(self, related: RelatedIds) -> None:
        self._related = related
        self._captures: list[Capture] = []
        self._values: list[tuple[tuple[LeanId, ...], str | None]] = []

    def add(self, capture: Capture) -> None:
        """Add the next capture."""
        event = value_of(capture.body)
        payload = event.get("payload") if isinstance(event, dict) else None
        status = payload.get("status") if isinstance(payload, dict) else None
        self._captures.append(replace(capture, body=b"", headers=(), tls=None))
        self._values.append((ids_of(event), status if type(status) is str else None))

    def journey(self) -> Journey:
        """The journey of the captures added so far."""
        retries = self._retries()
        steps: list[Step] = []
        known: dict[tuple[Of, str, str], str] = {}
        latest: tuple[datetime, int] | None = None
        came_at: datetime | None = None
        for capture, (ids, status) in zip(self._captures, self._values, strict=True):
            event_at = capture.event.at if capture.event is not None else None
            type_ = capture.event.type if capture.event is not None else None
            steps.append(
                Step(
                    capture_id=capture.id,
                    received_at=capture.received_at,
                    event_at=event_at,
                    type=type_,
                    gap=max(capture.came_at - came_at, timedelta(0)) if came_at else timedelta(0),
                    status=_status(type_, ids, status, known),
                    ids=ids,
                    retry=retries.get(capture.id),
                    stamped_before=latest[1] if latest and event_at and event_at < latest[0] else None,
                    signature=capture.signature,
                    shape=capture.shape,
                    undocumented=capture.undocumented,
                    answer=capture.answer.status,
                    deliveries=capture.deliveries,
                )
            )
            came_at = capture.came_at
            if event_at is not None and (latest is None or event_at > latest[0]):
                latest = event_at, capture.id
        root_id, ids_followed = self._related.root_id, self._related.ids
        return Journey(
            root_id=root_id,
            of=ids_followed[root_id],
            ids=tuple((of, value) for value, of in ids_followed.items() if value != root_id),
            steps=tuple(steps),
        )

    def _retries(self) -> dict[int, RetriedCapture]:
        events: dict[str, list[Capture]] = {}
        for capture in self._captures:
            event_id = capture.event.event_id if capture.event is not None else None
            events.setdefault(event_id or capture.body_sha256, []).append(capture)
        return {
            each.capture.id: each
            for captures in events.values()
            if len(captures) > 1
            for each in retries_of(captures).captures
        }


def value_of(body: bytes) -> Any:
    """The value of a JSON body; None if it is not JSON."""
    try:
        return parsed(body)
    except ValueError:
        return None


def _status(
    type_: str | None,
    ids: tuple[LeanId, ...],
    status: str | None,
    known: dict[tuple[Of, str, str], str],
) -> Status | None:
    """The status in an event; `known` keeps the last one per kind of event, because a payment has two."""
    if status is None or type_ is None:
        return None
    track = type_.rpartition(".")[0]
    own = next((each for each in ids if each.path == "payload.id"), None) or next(
        (each for each in ids if each.of is _WITHOUT_ID.get(track)), None
    )
    if own is None:
        return None
    key = own.of, own.value, track
    before, known[key] = known.get(key), status
    what = RECONCILIATION if track.endswith(RECONCILIATION) else str(own.of)
    return Status(what=what, of=own.of, id=own.value, before=before, now=status)
