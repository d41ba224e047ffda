"""The one process that owns a database: opens store, receiver and control socket in order.

Opens them as nested contexts and closes them in reverse.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from logging import getLogger
from secrets import token_hex
from time import monotonic, time

from relay.config import Settings, with_left_out_of
from relay.control.exchange import A, EngineRequest, own_version
from relay.control.lock import Holder, Lock, lock_path
from relay.control.messages import (
    CompareRequest,
    CompareResult,
    EngineStatus,
    ProcessStatus,
    ReloadRequest,
    ReloadResult,
    StatusRequest,
    StopRequest,
    StopResult,
)
from relay.control.server import ControlSocket, Handlers, serving
from relay.delivery.destinations import destinations
from relay.delivery.http.standstill import awake_and_asleep
from relay.engine import imports, maintenance, refusals, tunnels
from relay.engine.following import Following, following
from relay.engine.forwarding import Forwarding, check_no_loops, forwarding
from relay.engine.interrupt import Interrupt
from relay.engine.public_url import PublicUrl
from relay.engine.reachability import keep_reachable
from relay.engine.receiver import log_targets, receiving
from relay.engine.replays import Replays, replaying
from relay.engine.retention import remove_daily
from relay.engine.settings_in_force import SettingsInForce
from relay.engine.shape_checker import ShapeChecker, checking_shapes
from relay.engine.sharing import Sharing, check_forwards_nothing, sharing
from relay.engine.status import store_status, team_status
from relay.engine.tasks import background
from relay.engine.tunnels import EngineTunnel
from relay.errors import RelayError, UsageError
from relay.receiver.config import ReceiverConfig
from relay.receiver.receiver import Receiver
from relay.receiver.refusals import Refusals
from relay.store.write import files
from relay.store.write.cleanup import CreatedFiles
from relay.store.write.client import Writer

log = getLogger("relay.engine")

SWEEP_EVERY_S = 0.25
BUSY_FOR_S = 0.1
"""How long after a capture replays and a team's captures make room for more."""
ENDS_WITHIN_S = 4.5
"""How long an engine with a receiver may take to end, even if the store hangs."""
HUNG_S = 2.5
"""While the engine ends, a store that is silent for this long is given up."""
CLOSES_WITHIN_S = 60.0
"""How long the engine of a command waits for the store at its end: a person waits for that command, and can
interrupt it."""
LAST_REFUSALS_WITHIN_S = 0.5


class Engine:
    """A running engine; made by `running`."""

    def __init__(
        self, settings: Settings, reread: Callable[[], Settings] | None, stop: Callable[[], None]
    ) -> None:
        self._in_force = SettingsInForce(settings)
        self.refusals = Refusals()
        self.url: str | None = None
        self.captures = 0
        """Number stored since the start."""
        self._stored_at = 0.0
        self._public = PublicUrl(lambda: self.settings)
        self._reread = reread
        self._end = stop
        self._control: ControlSocket | None = None
        """None while the engine is starting."""
        self.left_open_by: Holder | None = None
        """The previous engine, if it ended without closing."""
        self.received_until: float | None = None
        """Unix time at which the previous receiver ended in order; None if it did not, or is not known."""
        self._started = time()
        self._up_since = awake_and_asleep()
        """Not the wall clock, which may be set."""
        self._writer: Writer
        self._port: int | None = None
        """Of the receiver."""
        self._receiver: Receiver | None = None
        self._forwarding: Forwarding | None = None
        self._shape_checker: ShapeChecker | None = None
        self._sharing: Sharing | None = None
        self._following: Following | None = None
        self._replays: Replays
        self._instance = token_hex(4)
        """Names this engine in `X-Lean-Relay`."""
        self._lock: Lock
        self._work: AsyncExitStack
        """Everything that `finish` ends."""
        self._ends_at: float | None = None
        """When everything must have ended; None until the end begins."""

    @property
    def settings(self) -> Settings:
        """Those that were read last."""
        return self._in_force.current

    # -- lifetimes -----------------------------------------------------------------------------

    async def _open(self, stack: AsyncExitStack, *, receive: bool) -> None:
        settings = self.settings
        if receive:
            check_forwards_nothing(settings)
        config = ReceiverConfig.read(settings, receive=receive)
        if receive:
            tunnels.check(settings)
        created = CreatedFiles(settings.db, lock_path(settings.db))
        is_open = False

        def clean_up(remove: Callable[[], None]) -> None:
            if not is_open and not self.captures:
                remove()

        stack.callback(clean_up, created.remove_folders)
        created.folders = files.prepare_folder(settings.db, allow_network_fs=settings.allow_network_fs)
        self._lock = Lock.take(settings.db)
        self.left_open_by = self._lock.left_open_by
        self.received_until = self._lock.received_until
        stack.callback(lambda: self._lock.release(reported=receive, received=self._receiver is not None))
        stack.callback(clean_up, created.remove_files)
        self._describe()
        await self._open_store(stack)
        removing = remove_daily(self._writer, lambda: self.settings, receives=receive)
        await stack.enter_async_context(
            background(self._sweep(), refusals.keep_written(self.refusals, self._writer), removing)
        )
        self._work = await stack.enter_async_context(AsyncExitStack())
        if receive:
            forwards = forwarding(self._writer, settings, config.routes, instance=self._instance)
            self._forwarding = await self._work.enter_async_context(forwards)
            self._shape_checker = await self._work.enter_async_context(
                checking_shapes(self._writer, settings.db)
            )
            if settings.share:
                self._sharing = await self._work.enter_async_context(sharing(settings))
            shared = None if self._sharing is None else self._sharing.publisher
            until_received = await self._work.enter_async_context(AsyncExitStack())
            bound = await self._work.enter_async_context(
                receiving(self._writer, settings, config, self.refusals, shared=shared)
            )
            self._receiver, self.url, self._port = bound.receiver, bound.url, bound.port
            await until_received.enter_async_context(self._public.reaching(self._writer, bound, config.sites))
            if settings.follow:
                follows = following(
                    self._writer, settings, bound.receiver, self._followed, is_receiving=self._is_receiving
                )
                self._following = await self._work.enter_async_context(follows)
        replays = replaying(
            lambda: self.settings,
            self._writer,
            routes=lambda: config.routes if self._receiver is None else self._receiver.routes,
            url=lambda: self.url,
            public_url=lambda: self._public.url,
            is_busy=self._is_receiving,
            instance=self._instance,
        )
        self._replays = await self._work.enter_async_context(replays)
        self._control = await self._work.enter_async_context(serving(settings.db, self._handlers()))
        self._describe()
        reachable = keep_reachable(settings.db, self._lock, self._control, self._describe)
        await self._work.enter_async_context(background(reachable))
        self._work.callback(self._begin_end)
        is_open = True
        if created.folders:
            log.info("made the folder %s for the database", created.folders[-1])

    @property
    def tunnel(self) -> EngineTunnel | None:
        """The tunnel that the settings name."""
        return self._public.tunnel

    @property
    def public_url(self) -> str | None:
        """The URL to give Lean: the tunnel's, or that of the settings."""
        return self._public.url

    async def finish(self) -> None:
        """End receiving, sending and all actions; the database stays open, so that its end can be read."""
        await self._work.aclose()

    async def _open_store(self, stack: AsyncExitStack) -> None:
        db = self.settings.db
        new = files.create_private(db)
        self._writer = await Writer.open(
            db,
            ours=self._lock.owned_before and not new,
            lock=self._lock.descriptor,
            committed=self._committed,
        )
        stack.push_async_callback(self._close_store)

    def _begin_end(self) -> None:
        """Begin the end of all slow parts at once, so that their times do not add up."""
        receives = self._receiver is not None
        self._ends_at = monotonic() + (ENDS_WITHIN_S if receives else CLOSES_WITHIN_S)
        self._replays.stop()
        if self._forwarding is not None:
            self._forwarding.stop()

    async def _close_store(self) -> None:
        if self._ends_at is None:  # The start failed.
            self._ends_at = monotonic() + ENDS_WITHIN_S
        try:
            async with asyncio.timeout(LAST_REFUSALS_WITHIN_S):
                await refusals.write(self.refusals, self._writer)
        except TimeoutError:
            log.warning("the newest refusals could not be written: the store does not answer")
        await self._writer.close(within_s=max(self._ends_at - monotonic(), 0.5))

    def _describe(self) -> None:
        socket = None if self._control is None else str(self._control.path)
        self._lock.describe(
            Holder(
                pid=os.getpid(),
                started_at=self._started,
                url=self.url,
                socket=socket,
                received_until=self.received_until,
            )
        )

    def _committed(self, first_id: int, count: int) -> None:
        self.captures += count
        self._stored_at = monotonic()
        if self._forwarding is not None:
            self._forwarding.notice()
        if self._shape_checker is not None:
            self._shape_checker.notice(first_id + count - 1)

    def _is_receiving(self) -> bool:
        return monotonic() - self._stored_at < BUSY_FOR_S

    def _followed(self, newest: int, count: int) -> None:
        self.captures += count
        if self._forwarding is not None:
            self._forwarding.notice()
        self._imported(newest)

    def _imported(self, newest: int) -> None:
        if self._shape_checker is not None:
            self._shape_checker.notice(newest)

    # -- in the background ---------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Check the store regularly; awaits nothing, so that nothing can hold this up."""
        well = True
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            self._writer.give_up_late()
            if self._ends_at is not None and self._writer.silent_s > HUNG_S:
                self._writer.give_up()
            was, well = well, self._writer.trouble is None
            if well and not was and self._forwarding is not None:
                self._forwarding.notice()  # Commits may have gone unreported.

    # -- actions -------------------------------------------------------------------------------

    def _handlers(self) -> Handlers:
        return {
            StatusRequest: self._status,
            ReloadRequest: self._reload,
            CompareRequest: self._compare,
            StopRequest: self._stop,
            **maintenance.handlers(self._writer),
            **imports.handlers(self._writer, self._imported),
            **self._replays.handlers(),
            **(self._forwarding.handlers() if self._forwarding is not None else {}),
        }

    async def request(self, request: EngineRequest[A]) -> A:
        """Answer a request of this process as one from the control socket.

        Raises:
            RelayError: the store is unavailable, or the action's own error.
        """
        answer: A = await self._handlers()[type(request)](request)  # type: ignore[assignment]
        return answer

    async def _status(self, request: StatusRequest) -> EngineStatus:
        targets = await self._forwarding.targets() if self._forwarding is not None else ()
        store = await store_status(self._writer)
        receiver, tunnel = self._receiver, self._public.tunnel
        return EngineStatus(
            engine=ProcessStatus(
                pid=os.getpid(),
                version=own_version(),
                url=self.url,
                public_url=self._public.url,
                uptime_s=round(awake_and_asleep() - self._up_since, 1),
                captures=self.captures,
                connections=len(receiver.connections.connections) if receiver else 0,
                answers=receiver.response_rules.summary if receiver else None,
            ),
            store=store,
            targets=targets,
            replays=self._replays.running(),
            tunnel=tunnel.status() if tunnel is not None else None,
            refusals=dict(self.refusals.counts),
            team=team_status(self.settings.team.name, self._sharing, self._following),
        )

    async def _stop(self, request: StopRequest) -> StopResult:
        """End this engine in order, as SIGTERM does; the client gets its answer first."""
        if self._receiver is None and not request.yes:
            raise RelayError(
                f"the engine (pid {os.getpid()}) belongs to another command, which ends by itself; "
                "wait for it, or end it with --yes",
                word="engine-busy",
            )
        log.info("asked to stop")
        self._end()
        return StopResult(os.getpid())

    async def _compare(self, request: CompareRequest) -> CompareResult:
        return CompareResult(pid=os.getpid(), differ=self._in_force.differences(request.settings, self._port))

    async def _reload(self, request: ReloadRequest) -> ReloadResult:
        if self._reread is None:
            raise UsageError("this engine cannot read its settings again")
        reread = self._reread()
        fresh = with_left_out_of(reread, self.settings)
        if self._sharing is not None:
            check_forwards_nothing(replace(fresh, share=True))
        config = ReceiverConfig.read(
            fresh, receive=self._receiver is not None
        )  # Raises before anything changes.
        if self._port is not None:
            check_no_loops(config.routes, self.settings.host, self._port)
        destinations(config.routes.targets, fresh)  # Raises where a target has no form in ASCII.
        fixed = self._in_force.after_restart(fresh)
        parked = 0
        changed = False
        receiver = self._receiver
        if receiver is not None:
            receiver.intake = config.intake
            receiver.response_rules = config.response_rules
            door = receiver.connections
            if (door.tls is None) == (config.tls is None):
                door.tls = config.tls
            else:
                fixed.append("tls_cert")
            changed = config.routes.targets != receiver.routes.targets
            receiver.routes = config.routes
        self._in_force.current = fresh
        self._public.settings_changed(config.sites)
        if changed:
            log_targets(fresh)
            if self._forwarding is not None:
                parked = await self._forwarding.send_to(config.routes.targets)
        untrusted = [each.name for each in reread.left_out if not each.for_other_db]
        return ReloadResult(after_restart=fixed, parked=parked, untrusted=untrusted)


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    receive: bool,
    reread: Callable[[], Settings] | None = None,
    stop: Callable[[], None] | None = None,
) -> AsyncIterator[Engine]:
    """An engine for as long as the context lasts.

    Args:
        receive: whether it takes webhooks; otherwise it only changes what is stored.
        reread: returns fresh settings for `reload`.
        stop: called when a client stops the engine; the holder of the context then leaves it. By default the
            task that holds it is interrupted, and the context raises `stopped`.

    Raises:
        RelayError: the engine cannot start; the stable word says why.
    """
    interrupt = Interrupt()
    engine = Engine(settings, reread, stop or interrupt)
    with interrupt:
        async with AsyncExitStack() as stack:
            await engine._open(stack, receive=receive)
            yield engine
