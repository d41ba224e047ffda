"""Results of a bench: values by figure and contender, made into a comparison; and the run around them."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from relay.docs.figures import Comparison, Figure, Machine, Result, Spread, Value
from tests.bench import wrk
from tests.support.program import ROOT

Loads = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a bench measures."""

    rounds: int
    seconds: float
    """Of one measure in a round."""


@dataclass(slots=True)
class Samples:
    """The values of a comparison while they are measured: one for each round."""

    name: str
    title: str
    base: str | None = None
    rounds: int | None = None
    """Where several values come from one round."""
    values: dict[tuple[str, str], dict[str, list[float]]] = field(default_factory=dict)
    """(figure, unit) -> contender -> values, in the order in which they came first."""
    beside: dict[tuple[str, str, str], list[float]] = field(default_factory=dict)
    """(figure, unit, contender) -> the base's value beside each of its values, where it was measured so."""
    notes: list[str] = field(default_factory=list)

    def add(self, figure: str, unit: str, contender: str, *values: float) -> None:
        self.values.setdefault((figure, unit), {}).setdefault(contender, []).extend(values)

    def set_beside(self, figure: str, unit: str, contender: str, base: Sequence[float]) -> None:
        """Note the base's values just before and after the last one that was added, if there are any."""
        if base:
            self.beside.setdefault((figure, unit, contender), []).append(statistics.mean(base))

    def comparison(self, order: Sequence[str] = ()) -> Comparison:
        """The medians and ratios.

        Args:
            order: contenders in the order of the table; others follow.
        """
        figures = tuple(self._figure(*key, order) for key in self.values)
        counts = (
            len(found)
            for each in self.values.values()
            for name, found in each.items()
            if name != self.base or not self.beside
        )
        rounds = max(counts, default=0) if self.rounds is None else self.rounds
        return Comparison(self.name, self.title, self.base, rounds, figures, tuple(self.notes))

    def _figure(self, name: str, unit: str, order: Sequence[str]) -> Figure:
        found = self.values[name, unit]
        base = found.get(self.base) if self.base is not None else None
        names = [each for each in dict.fromkeys(order) if each in found] + [
            each for each in found if each not in order
        ]
        values = (
            Value(each, spread(found[each]), ratio(found[each], self.beside.get((name, unit, each), base)))
            if each != self.base
            else Value(each, spread(found[each]), None)
            for each in names
        )
        return Figure(name, unit, tuple(values))


def spread(values: Sequence[float]) -> Spread:
    """Median, least and most; to six digits, as noise is in the third."""
    return Spread(*(float(f"{each:.6g}") for each in (statistics.median(values), min(values), max(values))))


def ratio(ours: Sequence[float], base: Sequence[float] | None) -> Spread | None:
    """Of each pair, one in a round; None without a base, or where it was measured otherwise or is nothing."""
    if base is None or len(ours) != len(base) or not all(base):
        return None
    return spread([one / other for one, other in zip(ours, base, strict=True)])


def result(comparisons: Sequence[Comparison], arguments: Sequence[str], load_before: Loads) -> Result:
    """The whole run, on this machine, now."""
    machine = Machine(
        cores=os.cpu_count() or 0,
        processor=_processor(),
        memory_bytes=psutil.virtual_memory().total,
        # Without the suffix, by which a distributor or a company names its own build.
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        load_generator="wrk" if wrk.is_there() else "a generator in Python",
        load_before=load_before,
        load_after=os.getloadavg(),
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Result(now, _commit(), tuple(arguments), machine, tuple(comparisons))


def _processor() -> str:
    """The model, as the system names it."""
    if sys.platform == "darwin":
        return _said("sysctl", "-n", "machdep.cpu.brand_string")
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _commit() -> str:
    return _said("git", "describe", "--always", "--dirty")


def _said(*command: str) -> str:
    """The output of a program; nothing where it fails, hangs or is missing."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
