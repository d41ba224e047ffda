"""Processor time per request at fixed rates, of the engine and of its writing process, beside the base's.

What little traffic costs is another question than how much traffic fits: each request is its own wake-up,
frame, commit and response.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from tests.bench.base import running_base
from tests.support.program import RELAY, ROOT, running, writing_processes

RATES = (50, 500, 5_000)
CONNECTIONS = 16
WITHOUT_FAST_PATH = ("-m", "tests.bench.without_fast_path")


def measure(folder: Path, rounds: int, seconds: float) -> Iterator[str]:
    """A line for each rate: microseconds per request, medians of alternating rounds with their spread."""
    with ExitStack() as stack:
        base = stack.enter_context(running_base(folder / "base"))
        subjects: dict[str, tuple[int, Sequence[psutil.Process]]] = {"base": (base[0], [base[1]])}
        for name, launcher in (("relay", RELAY), ("without the fast path", WITHOUT_FAST_PATH)):
            program = stack.enter_context(running(folder / name[:7], launcher=launcher))
            engine = psutil.Process(program.pid)
            subjects[name] = program.port, [engine, *writing_processes(program.pid)]
        for rate in RATES:
            spent: dict[str, list[list[float]]] = {name: [] for name in subjects}
            late: dict[str, list[float]] = {name: [] for name in subjects}
            for number in range(rounds):
                for name in [*subjects][:: 1 if number % 2 == 0 else -1]:
                    port, processes = subjects[name]
                    before = [spent_s(process) for process in processes]
                    figures = _press(port, rate, seconds)
                    after = [spent_s(process) for process in processes]
                    count = max(1, figures["answered"])
                    spent[name].append([1e6 * (b - a) / count for a, b in zip(before, after, strict=True)])
                    late[name].append(figures["p99_ms"])
            for name, each in spent.items():
                parts = " + ".join(f"{statistics.median(part):.0f}" for part in zip(*each, strict=True))
                sums = sorted(map(sum, each))
                yield (
                    f"{rate:>5,}/s  {name:22} {parts:>12} us ({sums[0]:.0f} to {sums[-1]:.0f} in all),"
                    f" p99 {statistics.median(late[name]):.1f} ms"
                )


def _press(port: int, rate: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.load", "--port", str(port), "--rate", str(rate)]
    done = subprocess.run(
        [*command, "--connections", str(CONNECTIONS), "--seconds", str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=seconds + 60,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def spent_s(*processes: psutil.Process) -> float:
    """Processor seconds of processes: on Linux to the nanosecond, elsewhere to 10 ms."""
    return sum(map(_spent_s, processes))


def _spent_s(process: psutil.Process) -> float:
    tasks = Path(f"/proc/{process.pid}/task")
    if tasks.is_dir():
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)
