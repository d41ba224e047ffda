"""The engine's side of checking shapes: the order of captures, and the life of the process that checks them.

New captures come first, then those left from earlier runs, both in small slices with pauses, so that writer
and processor stay free for requests. A worker that dies is started again; a capture over which it dies
repeatedly is left unchecked and logged.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import msgspec

from relay.engine.shape_worker import Drift, ShapeBatch
from relay.engine.tasks import background
from relay.processes import own_environment, own_module
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.store.write.client import Writer
from relay.store.write.shapes import first_unjudged, save_shapes, where_judging_stands

log = logging.getLogger("relay.judging")

SLICE = 50
"""Captures of one transaction: about a millisecond of the writer."""

LINGER_S = 0.05
"""How long a capture waits for others, to be checked together."""

REST = 4.0
"""After a slice it rests this many times as long as that took: a fifth of one processor at most."""

BUSY_PER_S = 2_000
"""While more captures come in than this, one slice a second is checked and the rest waits."""

BUSY_REST_S = 1.0

SLICE_WITHIN_S = 300.0
"""A worker that takes longer for a slice is ended; on a busy machine it gets little processor time."""

AGAIN_AFTER_S = (0.5, 2.0, 10.0, 60.0)
"""Waits before a worker is started again: after its first death in a row, its second, and so on."""

DEATHS_OVER_ONE = 2
"""How often it may die over a single capture before that one is skipped."""

MOST_LOGGED = 200
"""Different drifts that are logged in one run."""

ENDS_WITHIN_S = 0.5

LONGEST_ANSWER = 1024 * 1024

PROGRAM = "relay.engine.shape_worker"
"""The module that the worker runs."""

_decode = msgspec.json.Decoder(ShapeBatch).decode


class WorkerDied(Exception):
    """The worker ended, or did not answer in time."""


class CannotStart(Exception):
    """The system could not start a worker."""


class ShapeChecker:
    """Checks shapes while the engine runs; made by `checking_shapes`."""

    def __init__(self, writer: Writer, worker: Worker) -> None:
        self._writer = writer
        self._worker = worker
        self._wake = asyncio.Event()
        self._newest = 0
        self._logged: set[str] = set()
        self._deaths = 0
        """In a row."""
        self._one_by_one = 0
        """How many captures are still checked alone, because the worker died over one of them."""
        self._failed_starts = 0
        """In a row."""

    def notice(self, newest: int) -> None:
        """Note that captures up to this id are committed; commits may be noted out of order."""
        self._newest = max(self._newest, newest)
        self._wake.set()

    async def run(self) -> None:
        """Check old and new captures until the store closes."""
        try:
            while True:
                try:
                    await self._run()
                except StoreClosed:
                    return
                except Exception as error:
                    # Whatever it is, the engine goes on without shapes.
                    log.warning("shapes are not checked for %d s: %s", AGAIN_AFTER_S[-1], error)
                await asyncio.sleep(AGAIN_AFTER_S[-1])
        finally:
            await self._worker.end()

    async def _run(self) -> None:
        before, start = await self._writer.write(where_judging_stands)
        # Two stretches: captures of earlier runs, and those of this one.
        self._newest = max(self._newest, start)
        after = start
        while True:
            self._wake.clear()
            if after < self._newest:
                await asyncio.sleep(LINGER_S)
                after = await self._slice(after, self._newest, mark=before >= start)
            elif before < start:
                before = await self._slice(before, start, mark=True)
                if before >= start:
                    after = max(after, start)
            else:
                await self._wake.wait()

    async def _slice(self, after: int, upto: int, *, mark: bool) -> int:
        """Check a slice and rest; return the id up to which all is done."""
        begun, newest = asyncio.get_running_loop().time(), self._newest
        alone = self._one_by_one > 0
        try:
            found = await self._worker.check(after, upto, 1 if alone else SLICE)
        except CannotStart as error:  # Not the fault of a capture.
            if not self._failed_starts:
                log.warning("shapes are not checked until their process can be started: %s", error)
            self._failed_starts += 1
            await asyncio.sleep(AGAIN_AFTER_S[-1])
            return after
        except WorkerDied:
            return await self._after_death(after, upto, alone=alone)
        self._failed_starts = 0
        self._deaths = 0
        self._one_by_one -= alone
        if not await self._saved(found, mark=mark):
            return after
        for drift in found.drifts:
            self._log(drift)
        await self._rest(begun, newest)
        return found.upto

    async def _rest(self, begun: float, newest: int) -> None:
        """Leave writer and processor to others, longer while many captures come in."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep((loop.time() - begun) * REST)
        if self._newest - newest > BUSY_PER_S * (loop.time() - begun):
            await asyncio.sleep(BUSY_REST_S)

    async def _saved(self, found: ShapeBatch, *, mark: bool) -> bool:
        if not found.shapes and not mark:
            return True
        work = partial(
            save_shapes,
            shapes=found.shapes,
            version=found.version,
            upto=found.upto if mark else None,
        )
        try:
            # Results lost in a power cut are only checked again.
            await self._writer.write(work, synced=False)
        except (StoreUnavailable, sqlite3.Error):
            # Other parts report it; shapes can wait.
            await asyncio.sleep(AGAIN_AFTER_S[-2])
            return False
        return True

    async def _after_death(self, after: int, upto: int, *, alone: bool) -> int:
        self._deaths += 1
        self._one_by_one = SLICE
        await asyncio.sleep(AGAIN_AFTER_S[min(self._deaths, len(AGAIN_AFTER_S)) - 1])
        if not alone or self._deaths <= DEATHS_OVER_ONE:
            return after
        culprit = await self._writer.write(partial(first_unjudged, after=after, upto=upto))
        if culprit is None:
            return after
        log.warning(
            "the shape of capture %d is not known: the process that checks it dies over it; "
            "`lean-relay shapes recheck %d` tries again",
            culprit,
            culprit,
        )
        self._deaths = 0
        return culprit

    def _log(self, drift: Drift) -> None:
        """Log the first drift of each kind; repeats would be noise."""
        if drift.likeness not in self._logged and len(self._logged) < MOST_LOGGED:
            self._logged.add(drift.likeness)
            log.info("%d %s is not as Lean documents it: %s", drift.id, drift.type, drift.text)


class Worker:
    """The process, started by its first request."""

    def __init__(self, db: Path, command: Sequence[str] | None = None) -> None:
        """
        Args:
            command: run instead of the worker, in tests.
        """
        self._db = db
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        return None if self._process is None else self._process.pid

    async def check(self, after: int, upto: int, limit: int) -> ShapeBatch:
        """Have a slice checked.

        Raises:
            CannotStart: it could not be started.
            WorkerDied: it has ended, or was ended because it took too long.
        """
        try:
            process = self._process or await self._start()
        except OSError as error:
            raise CannotStart(error) from error
        try:
            async with asyncio.timeout(SLICE_WITHIN_S):
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(b"[%d,%d,%d]\n" % (after, upto, limit))
                await process.stdin.drain()
                return _decode(await process.stdout.readuntil(b"\n"))
        except (
            OSError,
            EOFError,
            TimeoutError,
            RuntimeError,  # from uvloop, for a closed pipe
            msgspec.DecodeError,
            asyncio.LimitOverrunError,
        ) as error:
            await self.end()
            raise WorkerDied from error

    async def end(self) -> None:
        """Close its input, and kill it if that is not enough; may be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            with suppress(TimeoutError):  # A process that waits for a disk ends only when that answers.
                async with asyncio.timeout(ENDS_WITHIN_S):
                    await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        # A session of its own: Ctrl-C is for the engine, which ends the worker itself.
        self._process = await asyncio.create_subprocess_exec(
            *(self._command or own_module(PROGRAM)),
            str(self._db),
            env=own_environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            limit=LONGEST_ANSWER,
        )
        return self._process


@asynccontextmanager
async def checking_shapes(writer: Writer, db: Path) -> AsyncIterator[ShapeChecker]:
    """Check shapes while the context lasts."""
    checker = ShapeChecker(writer, Worker(db))
    async with background(checker.run()):
        yield checker
