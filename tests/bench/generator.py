"""One run of the load generator, and the processor time that servers took for it; contenders in turns."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.bench.load import Load
from tests.bench.result import Plan, Samples
from tests.support.program import ROOT

WARM_UP_S = 0.3


class NotAnsweredError(Exception):
    """The load generator gave up, with its last words."""


@dataclass(slots=True)
class Server:
    """Something that answers webhooks, on one port or several."""

    ports: tuple[int, ...]
    processes: tuple[psutil.Process, ...]
    """Whose processor time counts."""
    families: tuple[psutil.Process, ...] = ()
    """The same, with all their children."""
    answered: int = 0
    """200s so far, to compare with its rows."""
    other: int = 0
    """Other responses, and lost connections."""

    def spent_s(self) -> list[float]:
        """Processor seconds so far, of each process and family."""
        alone = [spent_s(process) for process in self.processes]
        return alone + [_family_s(each) for each in self.families]


Turn = Callable[[], AbstractContextManager[Server]]
"""Makes a contender ready for a measure, and ends what runs only during one."""


def always(server: Server) -> Turn:
    """A contender that needs nothing to be ready."""
    return lambda: nullcontext(server)


@contextmanager
def resting(server: Server) -> Iterator[Turn]:
    """Suspend a contender outside of its turns, so that its remaining work does not slow the others.

    A relay judges what it has received for longer than it received it.
    """

    @contextmanager
    def turn() -> Iterator[Server]:
        _resume(server)
        try:
            yield server
        finally:
            _suspend(server)

    _suspend(server)
    try:
        yield turn
    finally:
        _resume(server)


def _suspend(server: Server) -> None:
    for process in _whole(server):
        with suppress(psutil.NoSuchProcess):
            process.suspend()


def _resume(server: Server) -> None:
    for process in reversed(_whole(server)):
        with suppress(psutil.NoSuchProcess):
            process.resume()


def _whole(server: Server) -> list[psutil.Process]:
    """The processes of a server with all that they have started, each before what it started."""
    found: dict[psutil.Process, None] = {}
    for process in (*server.processes, *server.families):
        with suppress(psutil.NoSuchProcess):
            found |= dict.fromkeys((process, *process.children(recursive=True)))
    return [*found]


@dataclass(frozen=True, slots=True)
class Pressed:
    """Results of one measure."""

    loads: tuple[Load, ...]
    """One for each port."""
    spent_us: tuple[float, ...]
    """Processor time per request, of each process."""

    @property
    def answered(self) -> int:
        return sum(each.answered for each in self.loads)

    @property
    def per_second(self) -> float:
        return sum(each.per_second for each in self.loads)

    @property
    def p50_ms(self) -> float:
        return max(each.p50_ms for each in self.loads)

    @property
    def p99_ms(self) -> float:
        return max(each.p99_ms for each in self.loads)

    @property
    def max_ms(self) -> float:
        return max(each.max_ms for each in self.loads)

    @property
    def cpu_us(self) -> float:
        """Processor time per request; what neighbours disturb least."""
        return sum(self.spent_us)


def run(
    port: int, *, connections: int, seconds: float, rate: float | None = None, size: int | None = None
) -> Load:
    """Press one port.

    Args:
        rate: requests per second of an open loop; without it, a closed one.
        size: bytes of a body; without it those of a small webhook.
    """
    command = [sys.executable, "-m", "tests.bench.load", "--port", str(port), "--seconds", str(seconds)]
    command += ["--connections", str(connections)]
    command += ["--rate", str(rate)] if rate else []
    command += ["--size", str(size)] if size else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise NotAnsweredError(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
    return Load(**json.loads(done.stdout))


def press(
    server: Server, *, connections: int, seconds: float, rate: float | None = None, size: int | None = None
) -> Pressed:
    """Press all ports of a server at once, with `connections` in all."""

    def one(port: int) -> Load:
        share = max(1, connections // len(server.ports))
        return run(port, connections=share, seconds=seconds, rate=rate, size=size)

    before = server.spent_s()
    with ThreadPoolExecutor(len(server.ports)) as pool:
        loads = tuple(pool.map(one, server.ports))
    after = server.spent_s()
    answered = sum(each.answered for each in loads)
    server.answered += answered
    server.other += sum(each.other for each in loads)
    us = (1e6 * (b - a) / max(1, answered) for a, b in zip(before, after, strict=True))
    return Pressed(loads, tuple(us))


Record = Callable[[str, Pressed, Sequence[Pressed]], None]
"""Takes a contender's name, what a measure found, and what it found of the base just before and after it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One way to press, and where its figures go."""

    record: Record
    connections: int = 32
    rate: float | None = None
    size: int | None = None
    share: float = 1.0
    """Of the plan's seconds."""
    only: frozenset[str] | None = None
    """Contenders that it measures; all of them without it."""
    base: str | None = None
    """A contender that is measured again before and after each other one, as these machines' speed drifts."""


@dataclass(slots=True)
class Rounds:
    """Contenders measured in turns, in an order that is reversed in each second round.

    So the two of a pair are seconds apart, and a neighbour's load falls on both.
    """

    contenders: Mapping[str, Turn]
    measures: Sequence[Measure]
    optional: frozenset[str] = frozenset()
    """Contenders that may fail, and are left out from then on."""
    failed: dict[str, str] = field(default_factory=dict)
    """Those that did, with the reason."""
    warmed: set[str] = field(default_factory=set)

    def run(self, plan: Plan, words: str) -> None:
        for number in range(plan.rounds):
            progress(f"{words}: round {number + 1} of {plan.rounds}")
            for measure in self.measures:
                self._round(
                    measure, plan.seconds * measure.share, [*self.contenders][:: 1 if number % 2 == 0 else -1]
                )

    def _round(self, measure: Measure, seconds: float, names: Sequence[str]) -> None:
        beside: list[Pressed] = []

        def measure_base() -> None:
            if measure.base is not None and (found := self._try(measure.base, measure, seconds)) is not None:
                measure.record(measure.base, found, ())
                beside.append(found)

        measure_base()
        for name in names:
            if name == measure.base or (measure.only is not None and name not in measure.only):
                continue
            found = self._try(name, measure, seconds)
            measure_base()
            if found is not None:
                measure.record(name, found, beside[-2:])

    def _try(self, name: str, measure: Measure, seconds: float) -> Pressed | None:
        if name in self.failed:
            return None
        try:
            return self._one(name, measure, seconds)
        except NotAnsweredError as error:
            if name not in self.optional:
                raise
            self.failed[name] = str(error)
            return None

    def _one(self, name: str, measure: Measure, seconds: float) -> Pressed:
        with self.contenders[name]() as server:
            if name not in self.warmed:
                press(server, connections=measure.connections, seconds=WARM_UP_S)
                self.warmed.add(name)
            return press(
                server,
                connections=measure.connections,
                seconds=seconds,
                rate=measure.rate,
                size=measure.size,
            )


def recorded(samples: Samples, *figures: tuple[str, str, str]) -> Record:
    """A recorder of figures: name, unit, and attribute of `Pressed`.

    Where no request was answered there is a rate and nothing else.
    """

    def record(contender: str, pressed: Pressed, beside: Sequence[Pressed]) -> None:
        for name, unit, attribute in figures:
            if pressed.answered or attribute == "per_second":
                samples.add(name, unit, contender, getattr(pressed, attribute))
                samples.set_beside(name, unit, contender, [getattr(each, attribute) for each in beside])

    return record


def progress(words: str) -> None:
    """A line meanwhile; figures go to standard output."""
    print(words, file=sys.stderr, flush=True)


def spent_s(*processes: psutil.Process) -> float:
    """Processor seconds of processes: on Linux to the nanosecond, elsewhere to 10 ms."""
    return sum(map(_spent_s, processes))


def _spent_s(process: psutil.Process) -> float:
    tasks = Path(f"/proc/{process.pid}/task")
    if tasks.is_dir():
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)


def _family_s(process: psutil.Process) -> float:
    """Of a process and its children, with threads and children that ended; to 10 ms each."""
    found = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
            found += times.user + times.system + ended
    return found
