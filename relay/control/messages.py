"""The messages between an engine and its clients, declared once: each request with its answer.

Owns the fields of both. The public `--json` of commands is made of the answers: renaming a field here renames
it there. `relay.control.exchange` has the frame around them. Opens nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from relay.control.exchange import EngineRequest
from relay.lean.signature_forms import SignatureForm
from relay.models import Headers
from relay.models.imports import BundleSecret, ImportedCapture

MOST_CONCURRENT = 100
MOST_TIMES = 100_000

# -- the engine itself -----------------------------------------------------------------------------


class TargetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A target and its queue."""

    target: str = "?"
    """Its URL."""
    state: str = "?"
    """`up`, `down`, `paused`, `not configured`, or a word of a later version."""
    reason: str | None = None
    waiting: int | None = None
    """Deliveries in its queue; None where the store does not answer, as `parked`."""
    parked: int | None = None
    next_at: str | None = None
    """When the next delivery is due, ISO 8601; None where one is due now, or there is none."""


class ReplayState(StrEnum):
    """The state of a replay."""

    RUNNING = "running"
    ENDED = "ended"
    """All of it was sent."""
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"
    """A target cannot be reached; the rest of its deliveries were not sent."""
    FAILED = "failed"
    """A bug of ours, or a database that cannot be read."""


class ReplayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Progress of a replay. Counts are deliveries, as recorded on disk."""

    run: int = 0
    by: str = "command"
    """Who started it: `command` or `screen`."""
    state: str = ReplayState.RUNNING
    """A `ReplayState`, or a word of a later version."""
    reason: str | None = None
    """Why not all was sent; None where it was, or the replay is running."""
    targets: tuple[str, ...] = ()
    captures: int = 0
    total: int = 0
    """Deliveries, if each capture goes to each target."""
    done: int = 0
    """Ended with an attempt."""
    tried: int = 0
    """With at least one attempt, ended or not."""
    delivered: int = 0
    failed: int = 0
    skipped: int = 0
    """Of captures that are not routed to a target."""
    left: int = 0
    stale_signatures: int = 0
    """Captures whose body was changed under a signature that stayed."""
    waits: str | None = None
    """The reason why it waits; None while it sends."""
    started_at: str = ""
    """ISO 8601."""
    elapsed_s: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.state == ReplayState.RUNNING


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's process and its receiver."""

    pid: int = 0
    version: str = "unknown"
    url: str | None = None
    """Where it takes webhooks; None for an engine without a receiver."""
    public_url: str | None = None
    uptime_s: float = 0.0
    captures: int = 0
    """Stored since the start."""
    connections: int = 0
    answers: str | None = None
    """Responses other than 200, if any are set: `--respond 503`."""


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The store's health."""

    state: str = "ok"
    """Or the word of what is wrong, such as `store-full`."""
    detail: str | None = None
    wal_bytes: int = 0
    waiting: int = 0
    """Requests that wait for their commit."""


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Of an engine that shares what it receives."""

    state: str = "ok"
    """Or `team-down`."""
    detail: str | None = None
    server: str | None = None
    """The PostgreSQL, and how many copies a commit has; None without a connection."""
    published: int = 0
    """Since the start."""
    position: int = 0
    """The last that was published here since the start; 0 before the first."""
    waiting: int = 0
    """Requests that wait for their commit."""


class FollowerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How this database follows the team's log."""

    state: str = "connecting"
    """`connecting`, `following`, `waiting` (for a position that is missing there), `silent`, `stopped`, or a
    word of a later version."""
    since: str | None = None
    """When that began, ISO 8601."""
    reason: str | None = None
    """Why it does not follow."""
    position: int | None = None
    """The last position that is here; None before the first read."""
    newest: int | None = None
    """The last position of the log, when it last answered."""
    behind: int | None = None
    """None where the log does not answer."""
    missed: int = 0
    """Webhooks that were pruned from the log before this database read them."""


class TeamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an engine that shares webhooks with a team."""

    name: str = ""
    """Of the log."""
    node: NodeStatus | None = None
    """None for an engine that does not share."""
    follower: FollowerStatus | None = None
    """None for an engine that does not follow."""


class TunnelStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The tunnel that the engine runs. Texts come from its program."""

    name: str = "?"
    """As in the option: `cloudflared`, `ssh:you@server`."""
    state: str = "?"
    """`starting`, `up`, `down`, or a word of a later version."""
    url: str | None = None
    """The public URL; None while it is not up."""
    previous_url: str | None = None
    """The last one of this database, where that was another."""
    reason: str | None = None
    """Why it is not up; None where that is not known."""
    since: str | None = None
    """When this state began, ISO 8601."""
    next_at: str | None = None
    """When the program is started again, ISO 8601."""


class EngineStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The status of a running engine."""

    engine: ProcessStatus = ProcessStatus()
    store: StoreStatus = StoreStatus()
    targets: tuple[TargetStatus, ...] = ()
    replays: tuple[ReplayStatus, ...] = ()
    """Those that are running."""
    tunnel: TunnelStatus | None = None
    """None without a tunnel."""
    refusals: dict[str, int] = msgspec.field(default_factory=dict)
    """Refused requests and connections since the start, by reason."""
    team: TeamStatus | None = None
    """None for an engine that works alone."""


class StatusRequest(EngineRequest[EngineStatus], frozen=True, tag="status", forbid_unknown_fields=False):
    """Ask for the engine's status."""


class StopResult(msgspec.Struct, frozen=True):
    """The engine is about to end."""

    pid: int = 0


class StopRequest(EngineRequest[StopResult], frozen=True, tag="stop", forbid_unknown_fields=False):
    """End the engine in order."""

    yes: bool = False
    """Also one that another command runs for its own work."""


class ReloadResult(msgspec.Struct, frozen=True, kw_only=True):
    """The settings were read again."""

    after_restart: list[str]
    """Changed settings that need a restart."""
    parked: int
    """Deliveries to former targets."""
    untrusted: list[str]
    """Settings of a project file that is not trusted."""


class ReloadRequest(EngineRequest[ReloadResult], frozen=True, tag="reload"):
    """Read the settings again."""


class CompareResult(msgspec.Struct, frozen=True, kw_only=True):
    """Settings with another value in the engine."""

    pid: int
    differ: dict[str, Any]
    """Key -> the engine's value, plain."""


class CompareRequest(EngineRequest[CompareResult], frozen=True, tag="compare"):
    """Compare settings with those in force."""

    settings: dict[str, Any]
    """Key -> plain value."""


# -- stored captures -------------------------------------------------------------------------------


class ChangeResult(msgspec.Struct, frozen=True):
    """Captures that were changed."""

    changed: int


class StarRequest(EngineRequest[ChangeResult], frozen=True, tag="star"):
    """Star captures, or remove their stars."""

    ids: list[int]
    starred: bool


class NoteRequest(EngineRequest[ChangeResult], frozen=True, tag="note"):
    """Write a note to captures."""

    ids: list[int]
    text: str | None
    """None removes it."""


class VerifyRequest(EngineRequest[ChangeResult], frozen=True, tag="verify"):
    """Store new results of signature checks."""

    judged: list[tuple[int, str, str | None]]
    """Capture, signature, and the name of the secret that matched."""


class ShapesRequest(EngineRequest[ChangeResult], frozen=True, tag="shapes"):
    """Store new results of shape checks."""

    shapes: dict[str, list[int]]
    """Shape -> captures."""
    version: str
    """Of the catalogue."""


def id_ranges(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Ids as first and last ids without gaps, ascending, so that a million of them is a short message."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(ids):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


class PruneResult(msgspec.Struct, frozen=True, kw_only=True):
    """Captures were removed."""

    removed: int
    emptied: bool
    """Whether the WAL holds none of their bytes any more."""


class PruneRequest(EngineRequest[PruneResult], frozen=True, tag="prune"):
    """Remove captures for good."""

    ranges: list[tuple[int, int]]
    """First and last ids."""
    starred_too: bool = False


class ImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """Captures of a file were stored."""

    added: int
    known: int
    """Those that were there already."""
    ids: list[int] = msgspec.field(default_factory=list)
    """Where each of them is now, in order."""
    is_new: list[bool] = msgspec.field(default_factory=list)
    """Of each, whether it was added."""


class ImportRequest(EngineRequest[ImportResult], frozen=True, kw_only=True, tag="import"):
    """Store some captures that were not received here, in order."""

    captures: list[ImportedCapture]
    origin: Literal["imported", "sample", "events-api"] = "imported"
    bundle: BundleSecret | None = None
    """Signed some of them."""


class CompleteWindowRequest(EngineRequest[ChangeResult], frozen=True, kw_only=True, tag="complete-window"):
    """Record that a backfill has taken all events of a window."""

    environment: str
    region: str
    start: int
    """Microseconds UTC."""
    end: int


# -- forwarding ------------------------------------------------------------------------------------


class ForwardResult(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries were queued."""

    queued: int
    released: int
    """That were parked."""
    targets: list[str]


class ForwardRequest(EngineRequest[ForwardResult], frozen=True, tag="forward"):
    """Forward captures to the engine's targets."""

    ids: list[int]


class PauseResult(msgspec.Struct, frozen=True, kw_only=True):
    """Forwarding was paused or resumed."""

    changed: bool
    """False where it was so before."""
    targets: tuple[TargetStatus, ...]


class PauseRequest(EngineRequest[PauseResult], frozen=True, tag="pause"):
    """Pause forwarding."""


class ResumeRequest(EngineRequest[PauseResult], frozen=True, tag="resume"):
    """Resume forwarding."""


# -- replays ---------------------------------------------------------------------------------------


class Edits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Changes to one request, made in the order of these fields; as JSON in this shape, `body` in base64."""

    method: str | None = None
    target: str | None = None
    """The request target; latin-1, as in a capture. Goes before the path of a target's own."""
    headers: Headers | None = None
    """All of them, in order; latin-1."""
    body: bytes | None = None
    set: tuple[tuple[str, str], ...] = ()
    """Path and value of the JSON body, as `relay.lean.set_value.parse_splice` reads them."""
    header: tuple[tuple[str, str | None], ...] = ()
    """Names and values, latin-1; None removes. They replace what has the name, or come last."""

    @property
    def change_body(self) -> bool:
        return self.body is not None or bool(self.set)


class TargetTls(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """TLS options of one command, in place of the settings for targets; paths are absolute."""

    insecure: bool = False
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


class FreshIds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """New event_ids and timestamps; a body that was signed is signed again."""

    seed: str
    """Makes the mapping from old ids to new ones: the same for every replay with the same seed."""
    shift_us: int
    """Added to each event's timestamp, microseconds."""
    payload: bool = False
    """Also new ids inside payloads."""


class ReplayRequest(EngineRequest[ReplayStatus], frozen=True, kw_only=True, tag="replay"):
    """Start a replay."""

    ranges: tuple[tuple[int, int], ...]
    """First and last ids of captures, in the order in which they are sent; ids without a capture are passed
    over."""
    to: tuple[str, ...] = ()
    """Targets as people write them; none: those that each capture is routed to now."""
    edits: Edits = Edits()
    resign: bool | str = False
    """Whether to sign again, and with which secret; True for the one that signed the capture, else the
    preferred one."""
    fresh: FreshIds | None = None
    """None to send ids and times as they came."""
    signature: SignatureForm | None = None
    """How to sign every request; None to sign only as `resign` and `fresh` say."""
    times: Annotated[int, msgspec.Meta(ge=1, le=MOST_TIMES)] = 1
    """Rounds through all captures."""
    shuffle: int | None = None
    """Seeds the order of each round; None for the order of `ranges`."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=MOST_CONCURRENT)] = 1
    """Maximum deliveries in flight; 1 keeps them in order."""
    rate: Annotated[float, msgspec.Meta(gt=0)] | Literal["original"] | None = None
    """Deliveries that begin in a second; or as far apart as the captures came."""
    until_delivered: bool = False
    retries: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Retry on Lean's schedule what is not delivered, its minutes times this; None for one attempt. A retry
    does not hold up what follows. Excludes `until_delivered`."""
    pin: bool = False
    """Make each response the baseline of its capture and target."""
    tls: TargetTls | None = None
    """None for the engine's settings."""
    tied: bool = False
    """Whether it ends where nothing asks for its news any more: its conductor has ended."""
    by: Literal["command", "screen"] = "command"
    """Who starts it, to show to others."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it would be sent."""

    capture_id: int
    to: str
    """The target's name."""
    method: str
    target: str
    headers: Headers
    body: bytes
    """As JSON in base64."""
    signature_is_stale: bool
    """The body was changed under a signature that stayed."""


class PreviewResult(msgspec.Struct, frozen=True, kw_only=True):
    """The requests that a replay would send."""

    targets: list[str]
    requests: list[Preview]


class PreviewRequest(EngineRequest[PreviewResult], frozen=True, tag="preview"):
    """Ask what a replay of a few captures would send."""

    replay: ReplayRequest


class ReplayList(msgspec.Struct, frozen=True):
    """Replays of the engine."""

    runs: list[ReplayStatus]
    attempts: list[int] = msgspec.field(default_factory=list)
    """New attempts of the one replay that was asked for, by id."""


class ReplayQuery(EngineRequest[ReplayList], frozen=True, kw_only=True, tag="replays"):
    """Ask for all replays, or for news of one."""

    run: int | None = None
    after: int = 0
    """Attempts of the run that are known already."""
    wait_s: float = 0.0
    """How long to wait for news of the run; the engine waits at most half a second."""


class CancelRequest(EngineRequest[ReplayList], frozen=True, tag="cancel"):
    """Cancel a replay, or all."""

    run: int | None = None
