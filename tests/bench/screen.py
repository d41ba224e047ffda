"""The screen: a million captures under its hands, a request's way to its row, and what it costs the listener.

The real program at a pseudo-terminal; times are from a key or a request to the bytes that the terminal gets.
"""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil

from relay.docs.figures import Comparison
from relay.store.write.event_index import EventIndex
from tests.bench import backlog
from tests.bench.contenders import server_of
from tests.bench.generator import Measure, Rounds, progress, recorded, resting
from tests.bench.result import Plan, Samples
from tests.bench.terminals import drained, quiet, until
from tests.support.lean_requests import a_body, a_request
from tests.support.program import RELAY, ROOT, environment, exchange, reading, running
from tests.support.terminal import Terminal, at_a_terminal

MANY = 1_000_000
COMMON_EACH, RARE_EACH = 7, 250_000
"""One of this many captures matches the common filter, or the rare one."""

STARTS, KEYS, FILTERS, REQUESTS = 3, 60, 3, 20
RATE, CONNECTIONS = 500, 16

BUSY_RATE, BUSY_S, TABS = 200, 90, 20

LOAD = (sys.executable, "-m", "tests.bench.load")

SCREEN = "screen"
ALONE = "alone"

NEEDLE = "needle-in-a-haystack"

CUSTOMER_EACH = 3_333
"""One of this many captures is a payment and intent of its own, all of one customer."""

PAYMENT, INTENT, CUSTOMER, CUSTOMER_OF_MANY = (
    "37b1f471-0a6c-4a66-996c-27e386443ed3",
    "7d8def9f-1dd0-4005-8c00-c01eae7033e1",
    "2b1d6f0a-93a7-4c5e-8f0e-d15a5e1c0b77",
    "c0ffee00-0000-4000-8000-00000000cafe",
)
"""What the captures with the needle are about, and the customer with a payment in each of many."""


def measure(folder: Path, plan: Plan, count: int = MANY) -> Iterator[Comparison]:
    """All of it; the database is made in a folder that the caller removes."""
    folder.mkdir(parents=True)
    db = folder / "million.db"
    progress(f"screen: making {count:,} captures")
    fill(db, count)
    size = f"{db.stat().st_size / 2**20:,.0f} MiB"
    samples = Samples("screen", f"The screen on {count:,} captures, {size}", rounds=1)
    progress("screen: starts, keys, filters, journeys")
    samples.add(
        "first rows, from the start of the program",
        "ms",
        SCREEN,
        *(first_rows_ms(folder / f"start-{number}", db) for number in range(STARTS)),
    )
    with at_a_terminal(folder / "hands", "tui", "--db", str(db), size=(120, 40)) as see:
        until(see, b"payment.updated")
        quiet(see)
        for name, key in (("row up", "k"), ("page up", "\x15"), ("top, end", "gG")):
            samples.add(f"key to paint, {name}", "ms", SCREEN, *key_ms(see, key))
        for name, filter, found in (
            ("common, a column", "sig:invalid", b" match"),
            ("common, in bodies", "body.payload.amount:1000..", b" match"),
            ("rare, a column: all scanned", "type:payment.created", b"all scanned"),
            ("an event by its id: all scanned", f"event:{event_of_needle(db)}", b"all scanned"),
            ("rare, in bodies: all scanned", f"body:{NEEDLE}", b"all scanned"),
            ("rare, a bare word: all scanned", NEEDLE, b"all scanned"),
            ("rare, an id: all scanned", f"id:{PAYMENT}", b"all scanned"),
        ):
            took = [filter_ms(see, filter, found) for _ in range(FILTERS)]
            samples.add(f"filter, {name}", "ms", SCREEN, *took)
        for name, to_steps in journeys_ms(see):
            samples.add(f"journey of {name}, from the key to its steps", "ms", SCREEN, to_steps)
        memory = psutil.Process(see.process.pid).memory_info().rss / 2**20
        samples.add("memory of the screen after that", "MiB", SCREEN, memory)
        see.press("q")
        see.end()
    payments = count // CUSTOMER_EACH
    samples.add(
        f"journey of a customer with {payments:,} payments, the command", "ms", SCREEN, command_ms(db)
    )
    progress("screen: while webhooks come in")
    busy(folder / "busy", db, samples)
    samples.add("request to row on screen", "ms", SCREEN, *row_ms(folder / "rows"))
    yield samples.comparison()
    yield cost(folder / "cost", plan)


def fill(db: Path, count: int) -> None:
    """A log in which some match a common filter, and a few a rare one."""
    backlog.fill(db, count)
    with closing(sqlite3.connect(db, isolation_level=None)) as log:
        log.execute("UPDATE captures SET signature = 'invalid' WHERE id % ? = 0", (COMMON_EACH,))
        log.execute("UPDATE captures SET event_type = 'payment.created' WHERE id % ? = 1", (RARE_EACH,))
        for text, instead in (("AED", NEEDLE), *IDS.items()):
            log.execute(
                "UPDATE captures SET body = CAST(replace(CAST(body AS TEXT), ?, ?) AS BLOB) WHERE id % ? = 1",
                (text, instead, RARE_EACH),
            )
        customer, intent, payment = IDS
        own = "printf('%08x-0a6c-4a66-996c-{}', id * 4099)"
        log.execute(
            "UPDATE captures SET body = CAST(replace(replace(replace(CAST(body AS TEXT), ?, ?),"
            f" ?, {own.format('27e386443ed3')}), ?, {own.format('27e386443ed4')}) AS BLOB) WHERE id % ? = 2",
            (customer, CUSTOMER_OF_MANY, payment, intent, CUSTOMER_EACH),
        )
        EventIndex(log)  # Fills it.
        # Nothing is left to be judged or indexed while it is measured.
        log.execute("UPDATE captures SET shape = 'documented', shape_version = '2'")
        log.execute("PRAGMA wal_checkpoint(TRUNCATE)")


IDS = {
    "0f6c2f57-5f0e-4b7e-8f3d-7f1b6a1f2c33": CUSTOMER,
    "9d8c7b6a-1111-4222-8333-444455556666": INTENT,
    "5b1f0f0e-7c55-4c0a-9a3e-2f4f6f0a1d01": PAYMENT,
}
"""The ids that all other bodies share, and those in their place."""


def event_of_needle(db: Path) -> str:
    """The event_id of a capture of the rare kind."""
    with reading(db) as log:
        found = log.execute("SELECT event_id FROM captures WHERE id % ? = 1", (RARE_EACH,)).fetchone()
    return str(found[0])


def first_rows_ms(folder: Path, db: Path) -> float:
    begun = time.perf_counter()
    with at_a_terminal(folder, "tui", "--db", str(db), size=(120, 40)) as see:
        until(see, b"payment.updated")
        taken = 1000 * (time.perf_counter() - begun)
        quiet(see)
        see.press("q")
        see.end()
    return taken


def key_ms(see: Terminal, keys: str) -> list[float]:
    """Milliseconds from a key to the first bytes that follow it; several keys take turns."""
    found = []
    for number in range(KEYS):
        quiet(see, 0.12)
        before, begun = len(see.written), time.perf_counter()
        see.press(keys[number % len(keys)])
        while len(see.written) == before:
            see.read(1.0)
        found.append(1000 * (time.perf_counter() - begun))
    return found


def filter_ms(see: Terminal, filter: str, wanted: bytes) -> float:
    """Milliseconds from Enter after a filter to its first page, or its end; it is taken away again."""
    taken = apply(see, filter, wanted)
    see.press("\x1b")
    quiet(see, 0.5)  # A key that follows Escape at once would make another key of both.
    return taken


def apply(see: Terminal, filter: str, wanted: bytes) -> float:
    """The same, and it stays."""
    see.press("/")
    quiet(see)
    see.press(f"\x1b[200~{filter}\x1b[201~")
    begun, before = time.perf_counter(), len(see.written)
    see.press("\r")
    until(see, wanted, before)
    taken = 1000 * (time.perf_counter() - begun)
    until(see, b"all scanned", before, within_s=300)
    quiet(see)
    return taken


def journeys_ms(see: Terminal) -> Iterator[tuple[str, float]]:
    """Milliseconds of the journeys of a rare capture's ids, from the key to the first step."""
    apply(see, f"body:{NEEDLE}", b"all scanned")
    for name, key, id in (
        ("a payment", "J", PAYMENT),
        ("its intent", "]", INTENT),
        ("its customer", "]", CUSTOMER),
    ):
        begun, before = time.perf_counter(), len(see.written)
        see.press(key)
        until(see, b" of 1 type", before)
        yield name, 1000 * (time.perf_counter() - begun)
        quiet(see)
        assert id.encode() in see.written[before:], see.plain()[-2000:]
    see.press("\x1b")
    quiet(see)
    see.press("\x1b")
    quiet(see)


def command_ms(db: Path) -> float:
    """Milliseconds of `journey` on the customer of many, from the start of the program to its end."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *RELAY, "journey", CUSTOMER_OF_MANY, "--db", str(db)],
        cwd=ROOT,
        env=environment(db.parent),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout.startswith(f"customer {CUSTOMER_OF_MANY}: ".encode()), done.stdout[:200]
    return 1000 * (time.perf_counter() - begun)


def row_ms(folder: Path) -> Iterator[float]:
    """Milliseconds from a request's first byte to its row, in a list that follows."""
    with running(folder) as relay, at_a_terminal(folder, "tui", "--db", str(relay.db), size=(120, 40)) as see:
        until(see, b"No webhooks received")
        for number in range(REQUESTS):
            quiet(see)
            path = f"/row-{number}-here"
            request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            begun, before = time.perf_counter(), len(see.written)
            exchange(relay.port, request)
            until(see, path.encode(), before)
            yield 1000 * (time.perf_counter() - begun)
        see.press("q")
        see.end()


def busy(folder: Path, db: Path, samples: Samples) -> None:
    """The million under hands while webhooks come into it."""
    with running(folder, db=db) as relay:
        exchange(relay.port, a_request(a_body()))
        command = [*LOAD, "--port", str(relay.port), "--seconds", str(BUSY_S), "--rate", str(BUSY_RATE)]
        coming = subprocess.Popen(
            [*command, "--connections", str(CONNECTIONS)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        first = first_rows_ms(folder / "start", db)
        with at_a_terminal(folder / "hands", "tui", "--db", str(db), size=(120, 40)) as see:
            until(see, b"payment.updated")
            see.press("k")
            until(see, b" new")
            tabs = tab_ms(see)
            common = filter_ms(see, "sig:invalid", b" match")
            rare = filter_ms(see, f"body:{NEEDLE}", b"all scanned")
            is_over = coming.poll() is not None
            see.press("q")
            see.end()
        said, _ = coming.communicate()
    assert not is_over, f"all of it has to be seen within {BUSY_S} s"
    meanwhile = f"while {BUSY_RATE}/s come in: "
    samples.add(f"{meanwhile}first rows", "ms", SCREEN, first)
    samples.add(f"{meanwhile}another tab", "ms", SCREEN, *tabs)
    samples.add(f"{meanwhile}filter, common", "ms", SCREEN, common)
    samples.add(f"{meanwhile}filter, rare in bodies", "ms", SCREEN, rare)
    samples.add(f"{meanwhile}p99 of the listener", "ms", SCREEN, json.loads(said)["p99_ms"])


def tab_ms(see: Terminal) -> list[float]:
    """Milliseconds from the key of another tab to a text of that tab alone."""
    found = []
    for number in range(TABS):
        key, text = (("3", b"lean-signature"), ("1", b"Not forwarded"))[number % 2]
        before, begun = len(see.written), time.perf_counter()
        see.press(key)
        until(see, text, before)
        found.append(1000 * (time.perf_counter() - begun))
        quiet(see, 0.05)
    return found


def cost(folder: Path, plan: Plan) -> Comparison:
    """The listener's p99 with a hanging backend and a screen, and of one without either, in turns."""
    samples = Samples("screen-cost", f"The listener at {RATE} per second, open loop", ALONE)
    figures = (("p50", "ms", "p50_ms"), ("p99", "ms", "p99_ms"), ("most", "ms", "max_ms"))
    with ExitStack() as stack:
        alone = stack.enter_context(running(folder / "alone"))
        there = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=256))
        target = f":{there.getsockname()[1]}"
        both = stack.enter_context(running(folder / "both", "--forward-to", target))
        terminal = at_a_terminal(folder / "both", "tui", "--db", str(both.db), size=(120, 40))
        see = stack.enter_context(terminal)
        until(see, b"No webhooks received")
        stack.enter_context(drained(see))
        turns = {
            ALONE: stack.enter_context(resting(server_of(alone))),
            "screen open, target hangs": stack.enter_context(resting(server_of(both))),
        }
        measure = Measure(recorded(samples, *figures), connections=CONNECTIONS, rate=RATE, share=5.0)
        Rounds(turns, [measure]).run(plan, "screen: the listener")
    return samples.comparison()
