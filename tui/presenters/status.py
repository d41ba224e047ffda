"""The engine's status as text for the status line and the banners. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rich.cells import cell_len

from relay.control.messages import (
    EngineStatus,
    FollowerStatus,
    NodeStatus,
    ReplayStatus,
    TargetStatus,
    TunnelStatus,
)
from relay.text.local_time import local
from relay.text.safe import visible
from relay.text.team import DECIDE, LOST
from tui.presenters.format import Piece


class EngineState(StrEnum):
    """Whether an engine runs on the database."""

    LOOKING = "looking"
    """Not asked yet."""
    RUNNING = "running"
    GONE = "gone"
    """No process holds the database: webhooks are not received."""
    SILENT = "silent"
    """A process holds the database and does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The engine's status at one time."""

    engine: EngineState
    detail: str | None = None
    """Why it does not answer."""
    url: str | None = None
    """Where it receives webhooks; None where it does not."""
    public_url: str | None = None
    tunnel: TunnelStatus | None = None
    answers: str | None = None
    """The configured responses, where they differ from the usual one."""
    store: str = "ok"
    store_detail: str | None = None
    """Why the store cannot write; None where it can."""
    targets: tuple[TargetStatus, ...] = ()
    refusals: Mapping[str, int] | None = None
    """Refused since the engine started, by reason."""
    replays: tuple[ReplayStatus, ...] = ()
    """Runs that have not ended, no matter who started them."""
    node: NodeStatus | None = None
    """None where the engine does not share what it receives."""
    team: FollowerStatus | None = None
    """None where the engine does not follow a team's log."""

    @property
    def paused(self) -> bool:
        """Whether forwarding is paused."""
        return any(target.state == "paused" for target in self.targets)

    @property
    def refused(self) -> int:
        """Number of refused requests and connections."""
        return sum((self.refusals or {}).values())


def read(found: EngineStatus) -> Status:
    """Read an engine's answer."""
    return Status(
        engine=EngineState.RUNNING,
        url=found.engine.url,
        public_url=found.engine.public_url,
        tunnel=found.tunnel,
        answers=found.engine.answers,
        store=found.store.state,
        store_detail=found.store.detail,
        targets=found.targets,
        refusals=found.refusals,
        replays=found.replays,
        node=None if found.team is None else found.team.node,
        team=None if found.team is None else found.team.follower,
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


TUNNEL: dict[str, Piece] = {
    "starting": ("… tunnel starting", "dim"),
    "down": ("✗ tunnel down", "bad"),
}


def line(status: Status, sparks: Sequence[Piece], rate: str, width: int) -> list[Piece]:
    """The status line, as much of it as fits; the sparkline takes the rest.

    Args:
        sparks: the arrivals of the last minute as bars, the newest last.
        rate: recent captures: `3/s`.
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
    """The cells of a status line that count refusals; empty where none do."""
    at = 0
    for text, _ in pieces:
        if text.startswith(REFUSED):
            return range(at, at + cell_len(text))
        at += cell_len(text)
    return range(0)


def _groups(status: Status) -> Iterator[list[Piece]]:
    """The parts of the line, the most important first."""
    match status.engine:
        case EngineState.LOOKING:
            yield [("… looking for the engine", "dim")]
        case EngineState.GONE:
            yield [("✗ no engine", "bad")]
        case EngineState.SILENT:
            yield [("✗ engine silent", "bad")]
        case EngineState.RUNNING if status.url is None:
            yield [("○ engine without a listener", "warn")]
        case EngineState.RUNNING:
            yield [("● ", "good"), (visible(status.url or ""), "strong")]
    if status.store_detail:
        yield [("✗ cannot store", "bad")]
    if status.node is not None:
        yield _of_node(status.node)
    if status.answers:
        yield [(f"! answers {visible(status.answers)}", "warn")]
    if status.team is not None:
        yield list(_of_team(status.team))
    for target in status.targets:
        yield list(_of_target(target))
    if status.refused:
        yield [(f"{REFUSED} {status.refused:,} refused", "warn")]
    if status.tunnel is not None and status.tunnel.state != "up":
        yield [TUNNEL.get(status.tunnel.state, (f"tunnel {visible(status.tunnel.state)}", "dim"))]
    elif status.public_url:
        yield [("public ", "dim"), (visible(status.public_url), "plain")]


def _of_target(target: TargetStatus) -> Iterator[Piece]:
    yield f"→ {visible(target.target.removeprefix('http://'))} ", "plain"
    yield TARGETS.get(target.state, (f"– {visible(target.state)}", "dim"))
    if target.waiting:
        yield f" {target.waiting:,} waiting", "warn"
    if target.parked:
        yield f" {target.parked:,} parked", "warn"


def _of_node(node: NodeStatus) -> list[Piece]:
    """`shares 12 with the team`, counted since the start."""
    if node.detail:
        return [("✗ cannot share", "bad")]
    return [("shares ", "dim"), (f"{node.published:,}", "plain"), (" with the team", "dim")]


def _of_team(team: FollowerStatus) -> Iterator[Piece]:
    """`team: 4711, 0 behind`, `team: silent since 10:04`."""
    yield "team: ", "dim"
    if team.state in ("connecting", "following"):
        if team.position is None:
            yield "connecting", "dim"
        else:
            yield f"{team.position}, ", "plain"
            yield f"{team.behind or 0:,} behind", "warn" if team.behind else "good"
    else:
        yield f"{visible(team.state)}{_since(team)}", "bad" if team.state == "stopped" else "warn"


def _since(team: FollowerStatus) -> str:
    return f" since {local(datetime.fromisoformat(team.since)):%H:%M}" if team.since else ""


def _about_team(team: FollowerStatus) -> Piece | None:
    """Why the team's webhooks do not come; None while they do."""
    reason = visible(team.reason or "")
    match team.state:
        case "silent":
            return (
                f"! The team's log is silent{_since(team)}: {reason}. Its webhooks come when it is back.",
                "warn",
            )
        case "waiting":
            return (
                f"! The team's webhooks wait{_since(team)}: {reason}. It is read again every second.",
                "warn",
            )
        case "stopped":
            return f"✗ {LOST[:1].upper()}{LOST[1:]}: {reason}; {DECIDE}.", "bad"
    return None


def banners(
    status: Status, *, unreadable: str | None, ended: str | None, pause: str = "p", copy: str = "u"
) -> list[Piece]:
    """Sentences on errors and unusual states, and what happens next; a line each.

    Args:
        unreadable: why the database cannot be read.
        ended: how the listener that this screen started has ended.
        pause: the key that pauses and resumes.
        copy: the key that copies the public URL.
    """
    sentences: list[Piece] = []
    if unreadable:
        sentences.append((f"✗ {visible(unreadable)} Retrying every second.", "bad"))
    if ended:
        sentences.append((f"✗ {visible(ended)}", "bad"))
    elif status.engine is EngineState.GONE:
        sentences.append(
            (
                "✗ No engine runs on this database, so no webhooks are received. `lean-relay listen` starts "
                "one; this screen then connects to it.",
                "bad",
            )
        )
    if status.engine is EngineState.SILENT:
        sentences.append((f"✗ The engine does not answer: {visible(status.detail or '')}. Retrying.", "bad"))
    if status.store_detail:
        sentences.append(
            (
                f"✗ Cannot store webhooks: {visible(status.store_detail)}. Callers get 503, so Lean "
                "retries; webhooks are received again when this is fixed.",
                "bad",
            )
        )
    if status.node is not None and status.node.detail:
        sentences.append(
            (
                f"✗ Cannot share webhooks: {visible(status.node.detail)}. Callers get 503, so Lean retries; "
                "webhooks are received again when the team's PostgreSQL is back.",
                "bad",
            )
        )
    sentences += _of_tunnel(status.tunnel, copy) if status.tunnel is not None else []
    if status.team is not None and (about := _about_team(status.team)) is not None:
        sentences.append(about)
    sentences += [_paused(status, pause)] if status.paused else []
    for target in status.targets:
        if target.state == "down":
            waiting = f" {target.waiting:,} waiting;" if target.waiting else " New captures wait;"
            sentences.append(
                (
                    f"✗ {visible(target.target)} is down: {visible(target.reason or 'no reason known')}."
                    f"{waiting} all are sent in order when it is back.",
                    "bad",
                )
            )
    return sentences


def _of_tunnel(tunnel: TunnelStatus, copy: str) -> list[Piece]:
    name, reason = visible(tunnel.name), visible(tunnel.reason or "no reason known")
    if tunnel.state == "up" and tunnel.previous_url is not None:
        now, before = visible(tunnel.url or ""), visible(tunnel.previous_url)
        text = f"! The public URL has changed from {before} to {now}; {copy} copies it for Lean's dashboard."
        return [(text, "warn")]
    if tunnel.state == "up" or (tunnel.state == "starting" and tunnel.reason is None):
        return []
    return [(f"✗ The tunnel {name} is {visible(tunnel.state)}: {reason}. It is started again.", "bad")]


def _paused(status: Status, pause: str) -> Piece:
    waiting = sum(target.waiting or 0 for target in status.targets)
    count = (
        f"{waiting:,} {'delivery waits' if waiting == 1 else 'deliveries wait'}"
        if waiting
        else "the queue is empty"
    )
    return f"‖ Forwarding is paused: {count}. Webhooks are still received; {pause} resumes.", "warn"
