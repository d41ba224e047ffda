"""The engine's status, as the status line and the banners say it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.cells import cell_len

from relay.control.messages import EngineStatus, ReplayStatus, TargetStatus
from relay.text.safe import visible
from tui.presenters.format import Piece


class Engine(StrEnum):
    """Whether there is an engine behind the log."""

    LOOKING = "looking"
    """Not asked yet."""
    RUNNING = "running"
    GONE = "gone"
    """Nobody holds the log: what comes now is not caught."""
    SILENT = "silent"
    """Somebody holds the log and does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look at the engine."""

    engine: Engine
    detail: str | None = None
    """Why it does not answer."""
    url: str | None = None
    """Where it takes webhooks; None where it takes none."""
    public_url: str | None = None
    answers: str | None = None
    """How it answers otherwise on purpose."""
    store: str = "ok"
    store_detail: str | None = None
    """What keeps the store from writing; None where nothing does."""
    targets: tuple[TargetStatus, ...] = ()
    refusals: Mapping[str, int] | None = None
    """Refused since the engine started, by reason."""
    replays: tuple[ReplayStatus, ...] = ()
    """Runs that are not over, whoever began them."""

    @property
    def paused(self) -> bool:
        """Whether deliveries are held back."""
        return any(target.state == "paused" for target in self.targets)

    @property
    def refused(self) -> int:
        """How many requests and connections were turned away."""
        return sum((self.refusals or {}).values())


def read(found: EngineStatus) -> Status:
    """An engine's answer."""
    return Status(
        engine=Engine.RUNNING,
        url=found.engine.url,
        public_url=found.engine.public_url,
        answers=found.engine.answers,
        store=found.store.state,
        store_detail=found.store.detail,
        targets=found.targets,
        refusals=found.refusals,
        replays=found.replays,
    )


# -- words -----------------------------------------------------------------------------------------

APART = "   "

FEWEST_BARS = 5

REFUSED = "⊘"

TARGETS: dict[str, Piece] = {
    "up": ("✓ up", "good"),
    "down": ("✗ down", "bad"),
    "paused": ("‖ paused", "warn"),
}


def line(status: Status, sparks: Sequence[Piece], rate: str, width: int) -> list[Piece]:
    """The status line, as much of it as fits; the sparkline takes what is left.

    Args:
        sparks: the arrivals of the last minute as bars, the newest last.
        rate: how many came lately: `3/s`.
        width: cells.
    """
    groups: list[list[Piece]] = []
    left = width
    for group in _groups(status):
        cells = sum(cell_len(text) for text, _ in group) + (len(APART) if groups else 0)
        if cells <= left:
            groups.append(group)
            left -= cells
    bars = min(left - len(APART) - len(rate) - 1, len(sparks))
    if bars >= FEWEST_BARS:
        groups.insert(1, [*sparks[-bars:], (f" {rate}", "dim")])
    pieces: list[Piece] = []
    for group in groups:
        pieces += [(APART, "plain"), *group] if pieces else group
    return pieces


def refused_at(pieces: Sequence[Piece]) -> range:
    """The cells of a status line that count what was turned away; none where it does not."""
    at = 0
    for text, _ in pieces:
        if text.startswith(REFUSED):
            return range(at, at + cell_len(text))
        at += cell_len(text)
    return range(0)


def _groups(status: Status) -> Iterator[list[Piece]]:
    """What there is to say, the more important first."""
    match status.engine:
        case Engine.LOOKING:
            yield [("… looking for the engine", "dim")]
        case Engine.GONE:
            yield [("✗ no engine", "bad")]
        case Engine.SILENT:
            yield [("✗ engine silent", "bad")]
        case Engine.RUNNING if status.url is None:
            yield [("○ engine without a listener", "warn")]
        case Engine.RUNNING:
            yield [("● ", "good"), (visible(status.url or ""), "strong")]
    if status.store_detail:
        yield [("✗ cannot store", "bad")]
    if status.answers:
        yield [(f"! answers {visible(status.answers)}", "warn")]
    for target in status.targets:
        yield list(_of_target(target))
    if status.refused:
        yield [(f"{REFUSED} {status.refused:,} refused", "warn")]
    if status.public_url:
        yield [("public ", "dim"), (visible(status.public_url), "plain")]


def _of_target(target: TargetStatus) -> Iterator[Piece]:
    yield f"→ {visible(target.target.removeprefix('http://'))} ", "plain"
    yield TARGETS.get(target.state, (f"– {visible(target.state)}", "dim"))
    if target.waiting:
        yield f" {target.waiting:,} wait", "warn"
    if target.parked:
        yield f" {target.parked:,} parked", "warn"


def banners(status: Status, *, unreadable: str | None, ended: str | None, pause: str = "p") -> list[Piece]:
    """What is wrong, or unusual enough to be said in a sentence, with what happens next; a line each.

    Args:
        unreadable: why the log cannot be read.
        ended: how the listener that this screen started has ended.
        pause: the key that holds deliveries back and lets them go.
    """
    said: list[Piece] = []
    if unreadable:
        said.append((f"✗ {visible(unreadable)} Trying again each second.", "bad"))
    if ended:
        said.append((f"✗ {visible(ended)}", "bad"))
    elif status.engine is Engine.GONE:
        said.append(
            (
                "✗ No engine runs on this database, so no webhooks are received. `lean-relay listen` starts "
                "one; this screen joins it by itself.",
                "bad",
            )
        )
    if status.engine is Engine.SILENT:
        said.append((f"✗ The engine does not answer: {visible(status.detail or '')}. Asking again.", "bad"))
    if status.store_detail:
        said.append(
            (
                f"✗ Nothing can be stored: {visible(status.store_detail)}. Callers get 503, and Lean "
                "tries again; captures are taken as soon as this is over.",
                "bad",
            )
        )
    said += [_paused(status, pause)] if status.paused else []
    for target in status.targets:
        if target.state == "down":
            waiting = f" {target.waiting:,} wait" if target.waiting else " What comes waits"
            said.append(
                (
                    f"✗ {visible(target.target)} is down: {visible(target.reason or 'no reason known')}."
                    f"{waiting}, and all goes out in order when it is back.",
                    "bad",
                )
            )
    return said


def _paused(status: Status, pause: str) -> Piece:
    waiting = sum(target.waiting or 0 for target in status.targets)
    count = (
        f"{waiting:,} {'delivery waits' if waiting == 1 else 'deliveries wait'}"
        if waiting
        else "nothing waits"
    )
    return f"‖ Forwarding is paused: {count}. Captures are taken as ever; {pause} lets them go.", "warn"
