"""Chooses the captures of a rehearsal, or makes samples where there are none."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay.control.exchange import Requester
from relay.control.messages import TargetTls
from relay.errors import UsageError
from relay.lean import signature
from relay.lean.samples import Sample
from relay.lean.schedule import RETRY_MINUTES
from relay.models import Capture, Origin
from relay.rehearsal import samples
from relay.rehearsal.checks.order import ROUNDS
from relay.rehearsal.checks.signatures import FORGED, MOST, NOTATIONS
from relay.rehearsal.choices import Choices
from relay.rehearsal.report import CheckName
from relay.rehearsal.rounds import Rounds
from relay.rehearsal.stage import Stage, Subject
from relay.rehearsal.state import Probe
from relay.rehearsal.stored_samples import store_samples
from relay.store.read.reader import Reader
from relay.store.read.selection import fetched, select_ids
from relay.text.safe import visible
from relay.text.units import format_duration

NEWEST = 20
"""Captures of a rehearsal for which none are chosen."""

PER_REQUEST_S = 0.01
PER_CHECK_S = 2.0
"""Guesses, for the duration that the plan names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The captures of a rehearsal, or samples that are stored once it begins."""

    captured: tuple[Subject, ...]
    stand_ins: tuple[Sample, ...]
    """Made up, as none was captured; else empty."""
    of_each_type: tuple[Sample, ...]
    """For the check of types; empty without it."""
    path: str
    """The request target of samples."""
    seed: int
    is_signed: bool
    """Whether the requests are signed."""

    @property
    def are_samples(self) -> bool:
        return bool(self.stand_ins)

    def requests(self, choices: Choices) -> int:
        """About how many requests it sends, where nothing has to be sent again."""
        count = len(self.captured or self.stand_ins)
        numbers = {
            CheckName.RETRIES: count,
            CheckName.DUPLICATES: 6 * count,
            CheckName.ORDER: (1 + ROUNDS) * count,
            CheckName.SIGNATURES: (1 + len(FORGED) + len(NOTATIONS)) * min(count, MOST),
            CheckName.OUTAGE: 2 * count,
            CheckName.TYPES: len(self.of_each_type),
            CheckName.BISECT: choices.rounds * count // 2,
        }
        return sum(numbers[name] for name in choices.checks)

    def duration(self, choices: Choices) -> timedelta:
        """About how long it takes, where nothing has to be sent again."""
        seconds = self.requests(choices) * PER_REQUEST_S + len(choices.checks) * PER_CHECK_S
        return timedelta(seconds=max(round(seconds), 1))

    @staticmethod
    def most_of_a_retry(choices: Choices) -> timedelta:
        """Time until an event that never gets a 200 counts as lost."""
        return timedelta(minutes=RETRY_MINUTES[-1]) * choices.time_scale

    def plan(self, choices: Choices, target: str, secret: str | None) -> str:
        """`about 48 requests to http://localhost:3000: 8 samples, ...; about 2 s, ...`; safe to show.

        Args:
            secret: the name of the one that signs.
        """
        count, number = len(self.captured or self.stand_ins), self.requests(choices)
        what = "samples, as no webhook was captured" if self.are_samples else "webhooks, with new ids"
        signed = f"signed with {visible(secret)}" if secret is not None else "not signed"
        duration, longest = map(format_duration, (self.duration(choices), self.most_of_a_retry(choices)))
        return (
            f"about {number:,} requests to {visible(target)}: {count:,} {what}, {signed}; "
            f"about {duration}, and up to {longest} longer for each round with an event that gets no 200"
        )

    async def stage(
        self,
        send: Requester,
        db: Path,
        choices: Choices,
        *,
        to: str,
        tls: TargetTls | None,
        progress: Callable[[str], None],
        by: str = "command",
    ) -> Stage:
        """Store the samples; return everything that the checks work with. `send` asks the engine.

        Raises:
            RelayError: the engine could not store them.
        """
        subjects = self.captured
        of_each_type: tuple[Subject, ...] = ()
        if self.stand_ins:
            subjects = _read(db, await store_samples(send, self.stand_ins, self.path))
        if self.of_each_type:
            of_each_type = _read(db, await store_samples(send, self.of_each_type, self.path))
        moments = [each.at for each in subjects if each.at is not None]
        shift = _utc_now() - max(moments) if moments else timedelta(0)
        is_quiet = by == "screen"
        rounds = Rounds(send, db, to=to, resign=self.is_signed, tls=tls, by=by, progress=progress)
        return Stage(
            rounds=rounds,
            subjects=subjects,
            samples=of_each_type,
            probe=None if choices.probe is None else Probe(choices.probe, is_quiet=is_quiet),
            reset=choices.reset,
            restart=choices.restart,
            time_scale=choices.time_scale,
            seed=self.seed,
            shift_us=shift // timedelta(microseconds=1),
            is_signed=self.is_signed,
            most_rounds=choices.rounds,
            is_quiet=is_quiet,
        )


def prepare(
    db: Path,
    choices: Choices,
    selection: Sequence[str],
    now: datetime,
    *,
    seed: int,
    has_secret: bool,
) -> Prepared:
    """Choose the captures, or make samples where they are needed; nothing is stored yet.

    Args:
        selection: words of a SELECTION; none for the newest webhooks.
        now: local time, for the filter.

    Raises:
        UsageError: the selection is not valid, or there is no secret to sign with.
        NotFound: it selects nothing.
    """
    rng = random.Random(seed)  # noqa: S311 - to be the same again
    captured = _chosen(db, selection, now)
    stand_ins = () if captured else tuple(samples.stand_ins(rng, _utc_now))
    if not has_secret and any(each.is_signed for each in captured):
        raise UsageError(
            "these webhooks are signed, and their new ids need a new signature, but no webhook secret is "
            "configured; set one with LEAN_WEBHOOK_SECRET"
        )
    wants_types = CheckName.TYPES in choices.checks
    return Prepared(
        captured=captured,
        stand_ins=stand_ins,
        of_each_type=tuple(samples.of_each_type(rng, _utc_now)) if wants_types else (),
        path=_path(db),
        seed=seed,
        is_signed=has_secret,
    )


def _chosen(db: Path, selection: Sequence[str], now: datetime) -> tuple[Subject, ...]:
    with Reader(db) as reader:
        if selection:
            return tuple(map(_subject, fetched(reader, list(select_ids(reader, selection, now)))))
        rows = reader.rows(
            "SELECT id FROM captures WHERE origin <> ? AND event_type IS NOT NULL ORDER BY id DESC LIMIT ?",
            (Origin.SAMPLE, NEWEST),
        )
    return _read(db, sorted(number for (number,) in rows))


def _path(db: Path) -> str:
    """The request target of the newest webhook; `/` without one."""
    with Reader(db) as reader:
        found = reader.rows(
            "SELECT target FROM captures WHERE origin = ? ORDER BY id DESC LIMIT 1", (Origin.RECEIVED,)
        )
        return str(found[0][0]) if found else "/"


def _read(db: Path, ids: Sequence[int]) -> tuple[Subject, ...]:
    with Reader(db) as reader:
        return tuple(map(_subject, fetched(reader, ids)))


def _subject(capture: Capture) -> Subject:
    return Subject(
        id=capture.id,
        event_type=capture.event.type if capture.event else None,
        at=capture.event.at if capture.event else None,
        is_signed=any(name.lower() == signature.HEADER for name, _ in capture.headers),
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
