"""The engine's side of replays: starts, follows and cancels runs.

Owns the actions about replays and the list of runs. `relay.delivery.replay_run` does a run.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from logging import getLogger
from pathlib import Path
from time import monotonic

from relay.config import Settings, preferred_secret, read_secrets
from relay.control.messages import (
    CancelRequest,
    Edits,
    Preview,
    PreviewRequest,
    PreviewResult,
    ReplayList,
    ReplayQuery,
    ReplayRequest,
    ReplayStatus,
)
from relay.control.server import Handlers
from relay.delivery.destinations import destinations, over
from relay.delivery.edits import is_signature_stale
from relay.delivery.http.request import Destination, build_request, destination
from relay.delivery.http.sender import Sender
from relay.delivery.preparation import preparation
from relay.delivery.replay_plan import ReplayPlan
from relay.delivery.replay_run import ReplayRun
from relay.errors import NotFound, RelayError, UsageError
from relay.models import Capture
from relay.receiver.routes import Routes
from relay.store.read.bundles import bundle_secrets
from relay.store.read.reader import Reader
from relay.store.read.selection import fetched
from relay.store.write import deliveries
from relay.store.write.client import Writer
from relay.text.targets import leads_to, target_name

log = getLogger("relay.replay")

MOST_RUNNING = 8
KEPT = 20
"""Finished runs that can still be queried."""

MOST_WAIT_S = 0.5
"""How long a query waits for news: the engine's end waits for it too."""

ATTEMPTS_AT_ONCE = 1_000
PREVIEWED_AT_ONCE = 10

ENDS_WITHIN_S = 1.0

TIED_S = 5.0
"""A run that is tied to its conductor ends when that has not asked for news for so long."""


class Replays:
    """All runs of one engine."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        writer: Writer,
        *,
        routes: Callable[[], Routes],
        url: Callable[[], str | None],
        public_url: Callable[[], str | None],
        is_busy: Callable[[], bool],
        instance: str,
    ) -> None:
        """
        Args:
            settings: returns those in force; they change when they are read again, and so do the routes.
            url: returns the address where this engine takes webhooks; None if it takes none.
            public_url: returns the URL at which Lean reaches it; None if there is none.
            is_busy: whether webhooks are coming in right now.
            instance: names this engine in `X-Lean-Relay`.
        """
        self._settings = settings
        self._writer = writer
        self._routes = routes
        self._url = url
        self._public_url = public_url
        self._is_busy = is_busy
        self._instance = instance
        self._sender = Sender()
        self._runs: dict[int, ReplayRun] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._asked_at: dict[int, float] = {}
        """When the conductor of a tied run last asked for its news."""
        self._group: asyncio.TaskGroup
        self._stopped_at: float | None = None

    def handlers(self) -> Handlers:
        """Handlers of the requests about replays."""
        return {
            ReplayRequest: self._begin,
            PreviewRequest: self._preview,
            ReplayQuery: self._list,
            CancelRequest: self._cancel,
        }

    def running(self) -> tuple[ReplayStatus, ...]:
        """The status of each run that is not over."""
        return tuple(run.status() for run in self._runs.values() if not run.is_over)

    async def _begin(self, request: ReplayRequest) -> ReplayStatus:
        plan = await self._plan(request)
        if self._stopped_at is not None:  # While it was planned.
            raise RelayError("the engine is stopping", word="shutting-down")
        if len(self.running()) >= MOST_RUNNING:
            raise RelayError(f"{MOST_RUNNING} replays are running already; wait for one to end", word="busy")
        number = max(self._runs, default=0) + 1
        run = ReplayRun(number, plan, self._settings().db, self._writer, self._sender, by=request.by)
        for old in [known for known, each in self._runs.items() if each.is_over][:-KEPT]:
            del self._runs[old]
        self._runs[number] = run
        task = self._group.create_task(run.run(), name=f"replay {number}")
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._tasks.pop(number))
        if request.tied:
            self._asked_at[number] = monotonic()
            self._group.create_task(self._end_untied(run), name=f"end of tied replay {number}")
        return run.status()

    async def _end_untied(self, run: ReplayRun) -> None:
        """Cancel a run whose conductor has ended."""
        while not run.is_over:
            silent_s = monotonic() - self._asked_at[run.number]
            if silent_s > TIED_S:
                run.cancel("the command that conducted it ended")
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(TIED_S - silent_s + 0.01):
                    await run.over()
        del self._asked_at[run.number]

    async def _plan(self, request: ReplayRequest) -> ReplayPlan:
        if request.until_delivered and request.retries is not None:
            raise UsageError("retrying until delivered and on Lean's schedule exclude each other")
        routes = self._routes()
        targets = _named(request.to) or routes.targets
        if not targets:
            raise UsageError("no target is configured; name one with --to, such as --to :3000")
        settings = self._settings() if request.tls is None else over(self._settings(), request.tls)
        where = destinations(targets, settings)
        self._check_no_loops(targets)
        if request.tls is not None:
            await asyncio.to_thread(_check_tls, where.values(), settings)
        if request.edits.target is not None:
            where = {name: replace(to, has_path=False) for name, to in where.items()}
        prepare = await asyncio.to_thread(self._prepare, request)
        ids = await asyncio.to_thread(_existing, self._settings().db, request.ranges)
        if not ids:
            raise NotFound("no such capture")
        return ReplayPlan(
            ids=ids,
            destinations=where,
            targets_of=(lambda _: targets) if request.to else (lambda capture: routes.of(lambda: capture)),
            prepare=prepare,
            times=request.times,
            shuffle=request.shuffle,
            concurrency=request.concurrency,
            rate=None if request.rate == "original" else request.rate,
            original=request.rate == "original",
            until_delivered=request.until_delivered,
            retries=request.retries,
            pin=request.pin,
            timeout_s=self._settings().timeout_s,
            instance=self._instance,
            is_busy=self._is_busy,
        )

    def _prepare(self, request: ReplayRequest) -> Callable[[Capture], Capture] | None:
        """The changes that the request makes to a capture; reads the secrets if it signs."""
        signs = bool(request.resign or request.fresh or request.signature)
        if request.edits == Edits() and not signs:
            return None
        secrets = read_secrets(self._settings(), warn=log.warning) if signs else {}
        bundles = _bundles(self._settings().db) if signs else {}
        return preparation(request, {**bundles, **secrets}, partial(_chosen_secret, secrets, bundles))

    def _check_no_loops(self, targets: Iterable[str]) -> None:
        public, own = self._public_url(), self._url()
        for target in targets:
            here = own is not None and leads_to(target, *_place(own))
            if here or (public is not None and _place(public) == _place(target)):
                raise UsageError(f"{target} is this relay itself; name your backend with --to", word="loop")

    async def _preview(self, request: PreviewRequest) -> PreviewResult:
        plan = await self._plan(request.replay)
        if len(plan.ids) > PREVIEWED_AT_ONCE:
            raise UsageError(f"a preview shows at most {PREVIEWED_AT_ONCE} captures at once")
        requests = await asyncio.to_thread(_previews, plan, self._settings().db)
        return PreviewResult(targets=list(plan.destinations), requests=requests)

    async def _list(self, query: ReplayQuery) -> ReplayList:
        if query.run is None:
            return ReplayList([run.status() for run in self._runs.values()])
        run = self._run(query.run)
        if run.number in self._asked_at:
            self._asked_at[run.number] = monotonic()
        await run.news(query.after, min(query.wait_s, MOST_WAIT_S))
        attempts = run.attempts[query.after : query.after + ATTEMPTS_AT_ONCE]
        return ReplayList([run.status()], list(attempts))

    async def _cancel(self, request: CancelRequest) -> ReplayList:
        runs = list(self._runs.values()) if request.run is None else [self._run(request.run)]
        for run in runs:
            if not run.is_over:
                run.cancel("cancelled")
        return ReplayList([run.status() for run in runs])

    def _run(self, number: int) -> ReplayRun:
        if number not in self._runs:
            raise NotFound(
                f"this engine has no replay {number}; `lean-relay status` lists those that are running",
                word="no-replay",
            )
        return self._runs[number]

    def stop(self) -> None:
        """Cancel all runs; they may take `ENDS_WITHIN_S` from now on to record their attempts."""
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
    public_url: Callable[[], str | None],
    is_busy: Callable[[], bool],
    instance: str,
) -> AsyncIterator[Replays]:
    """Run replays while the context lasts; at its end they are cancelled, and their attempts recorded.

    Replay deliveries of an engine that died are ended first, and never sent.
    """
    await writer.write(deliveries.end_replays)
    replays = Replays(
        settings,
        writer,
        routes=routes,
        url=url,
        public_url=public_url,
        is_busy=is_busy,
        instance=instance,
    )
    raised: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        replays._group = group
        try:
            yield replays
        except BaseException as error:
            raised = error  # Raised below, outside of the group.
        await replays._end()
    if raised is not None:
        raise raised


def _check_tls(where: Iterable[Destination], settings: Settings) -> None:
    """
    Raises:
        UsageError: no target uses TLS, or a key has no certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    if not any(to.secure for to in where):
        raise UsageError(
            "every target is plain HTTP, so --insecure and the certificate options have no effect; write https://"
        )
    from relay.tls.client_cert import for_targets  # with cryptography, 60 ms

    for note in for_targets(settings.target_ca, settings.target_cert, settings.target_key):
        log.warning("%s", note)


def _bundles(db: Path) -> dict[str, bytes]:
    with Reader(db) as reader:
        return bundle_secrets(reader)


def _chosen_secret(
    secrets: Mapping[str, bytes], bundles: Mapping[str, bytes], asked: str | None
) -> str | None:
    """The secret for what its own does not sign; a bundle's is for its own captures alone."""
    return None if bundles and not secrets and asked is None else preferred_secret(secrets, asked)


def _named(texts: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(map(target_name, texts)))
    except ValueError as error:
        raise UsageError(f"--to: {error}") from error


def _existing(db: Path, ranges: Sequence[tuple[int, int]]) -> array[int]:
    """Ids of the captures in ranges, in the order of the ranges."""
    found = array("q")
    with Reader(db) as reader:
        for first, last in ranges:
            at = first - 1
            while at < last and (page := reader.page(at, 10_000, last)):
                found.extend(page)
                at = page[-1]
    return found


def _previews(plan: ReplayPlan, db: Path) -> list[Preview]:
    made = []
    with Reader(db) as reader:
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
