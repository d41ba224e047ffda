"""The engine's side of replays: orders read, runs begun, watched and cancelled.

Owns the actions behind `replay` and which runs there are. What a run does is `relay.delivery.replay_run`'s.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from logging import getLogger
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, Literal

import msgspec

from relay.config import Settings, preferred_secret, read_secrets
from relay.control.server import Action
from relay.delivery.destinations import TargetTls, destinations
from relay.delivery.edits import Edits, edited, is_signature_stale, signed
from relay.delivery.http.request import Destination, build_request, destination
from relay.delivery.http.sender import Sender
from relay.delivery.replay_plan import Plan, Preview
from relay.delivery.replay_run import Run
from relay.errors import NotFound, RelayError, UsageError
from relay.models import Capture
from relay.receiver.routes import Routes
from relay.store.read.reader import Reader
from relay.store.read.selection import fetched
from relay.store.write import deliveries
from relay.store.write.client import Writer
from relay.text.targets import leads_to, target_name

log = getLogger("relay.replay")

MOST_RUNNING = 8
KEPT = 20
"""Runs that are over and can still be asked for."""

MOST_WAIT_S = 0.5
"""How long `replays` waits for news: the engine's end waits for it too."""

ATTEMPTS_AT_ONCE = 1_000
PREVIEWED_AT_ONCE = 10
MOST_CONCURRENT = 100
MOST_TIMES = 100_000

ENDS_WITHIN_S = 1.0


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to be sent again and how: the parameters of the action `replay`, as JSON in this shape."""

    ranges: tuple[tuple[int, int], ...]
    """Ids of captures as first and last of runs, in the order they are sent; ids that are no captures count
    for nothing."""
    to: tuple[str, ...] = ()
    """Targets as people write them; none: those that each capture would go to if it came now."""
    edits: Edits = Edits()
    resign: bool | str = False
    """Whether to sign again, and with which secret; True for the one that signed the capture, else the
    preferred one."""
    times: Annotated[int, msgspec.Meta(ge=1, le=MOST_TIMES)] = 1
    """Rounds through all captures."""
    shuffle: int | None = None
    """Seeds the order of each round; None for the order of `ranges`."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=MOST_CONCURRENT)] = 1
    """Deliveries that may be on their way at once; with 1 the order stays."""
    rate: Annotated[float, msgspec.Meta(gt=0)] | Literal["original"] | None = None
    """Deliveries that begin in a second; or as far apart as the captures came."""
    until_delivered: bool = False
    tls: TargetTls | None = None
    """How TLS is spoken to the targets; None for what the engine's settings say."""
    by: Literal["command", "screen"] = "command"
    """Who begins it, for others who look."""


class Which(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of `replays` and `cancel`."""

    run: int | None = None
    after: int = 0
    """Attempts of the run that are known already."""
    wait_s: float = 0.0
    """How long to wait for news of the run, MOST_WAIT_S at most."""


class Replays:
    """All runs of one engine."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        writer: Writer,
        *,
        routes: Callable[[], Routes],
        url: Callable[[], str | None],
        is_busy: Callable[[], bool],
        instance: str,
    ) -> None:
        """
        Args:
            settings: those in force, as `routes`; both change when they are read again.
            url: where this engine itself takes webhooks; None where it takes none.
            is_busy: whether it takes some just now.
            instance: names it in `X-Lean-Relay`.
        """
        self._settings = settings
        self._writer = writer
        self._routes = routes
        self._url = url
        self._is_busy = is_busy
        self._instance = instance
        self._sender = Sender()
        self._runs: dict[int, Run] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup
        self._stopped_at: float | None = None

    def actions(self) -> dict[str, Action]:
        """The actions by the names that commands ask for; each takes and gives a JSON object."""
        return {
            "replay": self._begin,
            "preview": self._preview,
            "replays": self._tell,
            "cancel": self._cancel,
        }

    def running(self) -> list[dict[str, Any]]:
        """The progress of each run that is not over."""
        return [run.progress() for run in self._runs.values() if not run.is_over]

    async def _begin(self, params: Mapping[str, Any]) -> dict[str, Any]:
        order = _read(params, Order)
        if self._stopped_at is not None:
            raise RelayError("the engine is stopping", word="shutting-down")
        if len(self.running()) >= MOST_RUNNING:
            raise RelayError(f"{MOST_RUNNING} replays are running already; wait for one to end", word="busy")
        plan = await self._plan(order)
        number = max(self._runs, default=0) + 1
        run = Run(number, plan, self._settings().db, self._writer, self._sender, by=order.by)
        for old in [known for known, each in self._runs.items() if each.is_over][: -KEPT or None]:
            del self._runs[old]
        self._runs[number] = run
        task = self._group.create_task(run.go(), name=f"replay {number}")
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number))
        return run.progress()

    async def _plan(self, order: Order) -> Plan:
        targets = _named(order.to) or self._routes().targets
        if not targets:
            raise UsageError("no target is configured; name one with --to, such as --to :3000")
        self._refuse_circles(targets)
        settings = self._settings() if order.tls is None else order.tls.over(self._settings())
        where = destinations(targets, settings)
        if order.tls is not None:
            await asyncio.to_thread(_see_tls, where.values(), settings)
        if order.edits.target is not None:
            where = {name: replace(to, has_path=False) for name, to in where.items()}
        prepare = await asyncio.to_thread(self._prepare, order)
        ids = await asyncio.to_thread(_existing, self._settings().db, order.ranges)
        if not ids:
            raise NotFound("none of these captures is there")
        routes = self._routes()
        return Plan(
            ids=ids,
            destinations=where,
            targets_of=(lambda _: targets) if order.to else (lambda capture: routes.of(lambda: capture)),
            prepare=prepare,
            times=order.times,
            shuffle=order.shuffle,
            concurrency=order.concurrency,
            rate=None if order.rate == "original" else order.rate,
            original=order.rate == "original",
            until_delivered=order.until_delivered,
            timeout_s=self._settings().timeout_s,
            instance=self._instance,
            is_busy=self._is_busy,
        )

    def _prepare(self, order: Order) -> Callable[[Capture], Capture] | None:
        """What an order changes in a capture; reads the secrets where it signs."""
        edits = order.edits
        if not order.resign:
            return None if edits == Edits() else partial(edited, edits=edits)
        secrets = read_secrets(self._settings(), warn=log.warning)
        name = preferred_secret(secrets, order.resign if isinstance(order.resign, str) else None)

        def prepare(capture: Capture) -> Capture:
            own = capture.signed_by if order.resign is True and capture.signed_by in secrets else None
            return signed(edited(capture, edits), secrets[own or name])

        return prepare

    def _refuse_circles(self, targets: Iterable[str]) -> None:
        public, own = self._settings().public_url, self._url()
        for target in targets:
            here = own is not None and leads_to(target, *_place(own))
            if here or (public is not None and _place(public) == _place(target)):
                raise UsageError(f"{target} is this relay itself; name your backend with --to", word="loop")

    async def _preview(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What the action `replay` would send with the same parameters, for at most a few captures."""
        plan = await self._plan(_read(params, Order))
        if len(plan.ids) > PREVIEWED_AT_ONCE:
            raise UsageError(f"at most {PREVIEWED_AT_ONCE} captures are shown before they are sent")
        requests = await asyncio.to_thread(_previews, plan, self._settings().db)
        return {
            "kind": "preview",
            "targets": list(plan.destinations),
            "requests": msgspec.to_builtins(requests),
        }

    async def _tell(self, params: Mapping[str, Any]) -> dict[str, Any]:
        asked = _read(params, Which)
        if asked.run is None:
            return {"kind": "replays", "runs": [run.progress() for run in self._runs.values()]}
        run = self._run(asked.run)
        await run.news(asked.after, min(asked.wait_s, MOST_WAIT_S))
        attempts = run.attempts[asked.after : asked.after + ATTEMPTS_AT_ONCE]
        return {"kind": "replays", "runs": [run.progress()], "attempts": list(attempts)}

    async def _cancel(self, params: Mapping[str, Any]) -> dict[str, Any]:
        asked = _read(params, Which)
        runs = list(self._runs.values()) if asked.run is None else [self._run(asked.run)]
        for run in runs:
            if not run.is_over:
                run.cancel("cancelled")
        return {"kind": "replays", "runs": [run.progress() for run in runs]}

    def _run(self, number: int) -> Run:
        if number not in self._runs:
            raise NotFound(
                f"this engine knows no replay {number}; `lean-relay status` names those that run",
                word="no-replay",
            )
        return self._runs[number]

    def stop(self) -> None:
        """Cancel all runs; they get `ENDS_WITHIN_S` from now on to write down what they did."""
        if self._stopped_at is None:
            self._stopped_at = monotonic()
        for run in self._runs.values():
            if not run.is_over:
                run.cancel("the engine ended")

    async def _end(self) -> None:
        self.stop()
        assert self._stopped_at is not None
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=max(self._stopped_at + ENDS_WITHIN_S - monotonic(), 0.1))
        for task in tasks:
            task.cancel()
        await self._sender.close()


@asynccontextmanager
async def replaying(
    settings: Callable[[], Settings],
    writer: Writer,
    *,
    routes: Callable[[], Routes],
    url: Callable[[], str | None],
    is_busy: Callable[[], bool],
    instance: str,
) -> AsyncIterator[Replays]:
    """Take orders while the context lasts; at its end runs are cancelled, and what they did is recorded.

    What an engine that died left of its replays is ended first, and never sent.
    """
    await writer.write(deliveries.end_replays)
    replays = Replays(settings, writer, routes=routes, url=url, is_busy=is_busy, instance=instance)
    raised: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        replays._group = group
        try:
            yield replays
        except BaseException as error:
            raised = error  # As it is, and not in a group.
        await replays._end()
    if raised is not None:
        raise raised


def _see_tls(where: Iterable[Destination], settings: Settings) -> None:
    """
    Raises:
        UsageError: no target speaks TLS, or a key has no certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    if not any(to.secure for to in where):
        raise UsageError(
            "every target is plain HTTP, so --insecure and the certificate options have no effect; write https://"
        )
    from relay.tls.client_cert import for_targets  # with cryptography, 60 ms

    for note in for_targets(settings.target_ca, settings.target_cert, settings.target_key):
        log.warning("%s", note)


def _read(params: Mapping[str, Any], shape: type[Any]) -> Any:
    try:
        return msgspec.convert(dict(params), shape)
    except msgspec.ValidationError as error:
        raise UsageError(f"what was asked of the engine cannot be read: {error}") from error


def _named(texts: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(map(target_name, texts)))
    except ValueError as error:
        raise UsageError(f"--to: {error}") from error


def _existing(log: Path, ranges: Sequence[tuple[int, int]]) -> array[int]:
    """The ids of the captures in ranges, in the ranges' order."""
    found = array("q")
    with Reader(log) as reader:
        for first, last in ranges:
            at = first - 1
            while at < last and (page := reader.page(at, 10_000, last)):
                found.extend(page)
                at = page[-1]
    return found


def _previews(plan: Plan, log: Path) -> list[Preview]:
    made = []
    with Reader(log) as reader:
        for capture in fetched(reader, plan.ids):
            try:
                sent = capture if plan.prepare is None else plan.prepare(capture)
                for name in plan.targets_of(capture):
                    request = build_request(sent, plan.destinations[name], instance=plan.instance)
                    made.append(
                        Preview(
                            capture_id=capture.id,
                            to=name,
                            method=request.method,
                            target=request.target,
                            headers=request.headers,
                            body=request.body,
                            signature_is_stale=is_signature_stale(capture, sent),
                        )
                    )
            except ValueError as error:
                raise UsageError(str(error)) from error
    return made


def _place(url: str) -> tuple[str, int]:
    where = destination(url)
    return where.host, where.port
