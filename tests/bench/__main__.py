"""`make bench`: how fast the relay is, beside a bare server in the same run, as ratios.

Prints figures and asserts none: a machine's neighbours are louder than most differences. Each switch is a
bench; several of them run one at a time, and without one the usual ones run.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from relay.docs import figures
from relay.docs.figures import Comparison
from tests.bench import (
    archive,
    beside,
    drain,
    growth,
    peers,
    rates,
    receive,
    screen,
    secure,
    startup,
    table,
    team,
)
from tests.bench.result import Plan, result
from tests.support.program import ROOT


@dataclass(frozen=True, slots=True)
class Bench:
    """A switch."""

    measure: Callable[[Path, Plan], Iterator[Comparison]]
    about: str


BENCHES: Mapping[str, Bench] = {
    "receive": Bench(receive.states, "webhooks stored and answered, in each state of the relay"),
    "sizes": Bench(receive.sizes, "the same at 1, 32 and 256 connections with 0.5, 2 and 100 KiB"),
    "tls": Bench(secure.measure, "requests and handshakes over HTTPS"),
    "drain": Bench(drain.measure, "a backlog forwarded to a backend that is back"),
    "startup": Bench(startup.measure, "start-up of each command"),
    "growth": Bench(growth.measure, "ten thousand to a million captures; needs 2 GiB on the disk"),
    "rates": Bench(rates.measure, "processor time per request at 50, 500 and 5,000 per second"),
    "archive": Bench(archive.measure, "export and import of 100,000 captures"),
    "tui": Bench(screen.measure, "the screen on a million captures; needs 1 GiB on the disk"),
    "backfill": Bench(
        beside.of_backfill, "a backfill: its rate, its memory, the listener's latency meanwhile"
    ),
    "web": Bench(beside.of_web, "the listener's latency with a screen in a browser"),
    "team": Bench(team.measure, "nodes that share through PostgreSQL, which it starts, and a follower"),
    "peers": Bench(peers.measure, "other catchers of webhooks, which it installs in the user's cache folder"),
}

USUAL = ("receive", "tls", "drain")
MANUAL = ("receive", "sizes", "tls", "drain", "startup", "team")
PUBLISHED = ROOT / "relay" / "docs" / figures.FILE


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="make bench ARGS=...",
        description=f"How fast the relay is. Without a switch: {', '.join(f'--{name}' for name in USUAL)}.",
        allow_abbrev=False,
    )
    made.add_argument("--rounds", type=int, help="default: 8, and 10 with --manual")
    made.add_argument(
        "--seconds", type=float, default=1.0, help="of a measure in each round; open loop twice that"
    )
    made.add_argument(
        "--json", metavar="FILE", help="write the result there too; - is stdout, without tables"
    )
    made.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "build",
        help="where the databases lie: a real disk, or sync costs nothing",
    )
    for name, bench in BENCHES.items():
        made.add_argument(f"--{name}", action="store_true", help=bench.about)
    made.add_argument(
        "--manual",
        action="store_true",
        help=f"all that the manual quotes, written to relay/docs/{figures.FILE}; some twenty minutes",
    )
    made.add_argument(
        "--fast-path-off", action="store_true", help="one contender more: every request takes the long way"
    )
    return made


def main(arguments: list[str]) -> int:
    """Run what is asked for; 1 where a bench failed, after the others."""
    given = parser().parse_args(arguments)
    names = [name for name in BENCHES if getattr(given, name)] or [*(MANUAL if given.manual else USUAL)]
    plan = Plan(given.rounds or (10 if given.manual else 8), given.seconds)
    given.folder.mkdir(parents=True, exist_ok=True)
    load_before = os.getloadavg()
    found: list[Comparison] = []
    failed: list[str] = []
    for name in names:
        measure = BENCHES[name].measure
        if name == "receive" and given.fast_path_off:
            measure = partial(receive.states, fast_path_off=True)
        # A folder for each: some need a gibibyte.
        with tempfile.TemporaryDirectory(
            prefix="bench-", dir=given.folder.absolute(), ignore_cleanup_errors=True
        ) as scratch:
            try:
                for comparison in measure(Path(scratch) / name, plan):
                    found.append(comparison)
                    if given.json != "-":
                        print("\n".join([*table.table(comparison), ""]), flush=True)
            except Exception:  # The others took minutes as well, and may be whole.
                traceback.print_exc()
                failed.append(name)
    done = result(found, arguments, load_before)
    written = msgspec.json.format(msgspec.json.encode(done), indent=1) + b"\n"
    if given.json == "-":
        sys.stdout.buffer.write(written)
    else:
        print("\n".join(table.closing(done)))
    if given.json not in (None, "-"):
        Path(given.json).write_bytes(written)
    if given.manual:
        file = given.folder / figures.FILE if failed else PUBLISHED
        file.write_bytes(written)
        print(f"written: {file}", file=sys.stderr)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
