"""The same closed loop by wrk, where it is installed: a generator that takes little of the two cores itself.

With a generator in Python half of what is measured is the generator, and a server of two threads pays for
that more than the base with its one. Gives the figures of `tests.bench.load`.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.lean_requests import many_requests

SCRIPT = """
local requests, at = {}, 0

function init(args)
  local file = io.open(args[1], "rb")
  local data = file:read("*a")
  file:close()
  local from = 1
  while from <= #data do
    local a, b, c, d = data:byte(from, from + 3)
    local length = ((a * 256 + b) * 256 + c) * 256 + d
    requests[#requests + 1] = data:sub(from + 4, from + 3 + length)
    from = from + 4 + length
  end
end

function request()
  at = at + 1
  return requests[(at - 1) % #requests + 1]
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    "\\nfigures %d %d %d %f %f %f\\n", summary.requests, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
  io.write(string.format("slowest %f\\n", latency.max / 1e3))
end
"""

FASTEST = 30_000
"""Requests per second that are ready; faster servers get some twice."""

MOST_BYTES = 64 * 1024 * 1024
"""Of all requests that are ready: with large bodies they are fewer."""


def is_there() -> bool:
    """Whether wrk can be used here."""
    return shutil.which("wrk") is not None


def ready(count: float, size: int | None) -> int:
    """How many requests of a size to make, where `count` would be enough."""
    return max(1, min(int(count), MOST_BYTES // size if size else MOST_BYTES))


def press(
    port: int, connections: int, seconds: int, *, scheme: str = "http", size: int | None = None
) -> dict[str, Any]:
    """One run; the fields of `tests.bench.load.Load`."""
    with tempfile.TemporaryDirectory() as folder:
        script, data = Path(folder, "unique.lua"), Path(folder, "requests")
        script.write_text(SCRIPT)
        with data.open("wb") as file:
            for request in many_requests(ready(FASTEST * seconds, size), size=size):
                file.write(struct.pack(">I", len(request)) + request)
        said = subprocess.run(
            [
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{seconds}s",
                "-s",
                script,
                f"{scheme}://127.0.0.1:{port}/",
                "--",
                data,
            ],
            stdout=subprocess.PIPE,
            text=True,
            timeout=seconds + 60,
            check=True,
        ).stdout
    lines = dict(
        line.split(" ", 1) for line in said.splitlines() if line.startswith(("figures ", "slowest "))
    )
    requests, refused, failed, lasted, p50, p99 = map(float, lines["figures"].split())
    return {
        "answered": int(requests - refused),
        "other": int(refused + failed),
        "seconds": round(lasted, 3),
        "per_second": round((requests - refused) / lasted, 1),
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "max_ms": round(float(lines["slowest"]), 3),
    }
