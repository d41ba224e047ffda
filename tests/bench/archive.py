"""How fast, and in how much memory, captures are exported, redacted and imported: beside bare loops.

The bare loops read the same rows and write the same bodies as JSON lines, and read such lines into a table in
commits of as many rows. They know no note, no attempt, no digest and no signature.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from relay.archive.importing import BATCH
from relay.docs.figures import Comparison
from tests.bench.backlog import fill
from tests.bench.commands import Took, ended
from tests.bench.generator import progress
from tests.bench.result import Plan, Samples
from tests.support.program import RELAY, ROOT, environment, reading

COUNT = 100_000


BARE = "bare loop"
MOST = 3


def measure(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """Captures per second and memory; three rounds at most, since each takes half a minute."""
    folder.mkdir(parents=True)
    db = folder / "relay.db"
    fill(db, COUNT, judged=True)
    rates = Samples("archive", f"{COUNT:,} captures to a file and back", BARE)
    memory = Samples("archive-memory", "The same: most memory of the command")
    for number in range(min(plan.rounds, MOST)):
        progress(f"archive: round {number + 1} of {min(plan.rounds, MOST)}")
        one_round(folder / str(number), db, rates, memory)
    yield rates.comparison()
    yield memory.comparison()


def one_round(folder: Path, db: Path, rates: Samples, memory: Samples) -> None:
    """Each command once, beside the loop of its direction."""
    folder.mkdir()
    file, bare, new = folder / "all.ndjson", folder / "bare.ndjson", folder / "new.db"
    export_s = bare_export(db, bare)
    import_s = bare_import(bare, folder / "bare.db")
    for name, bare_s, arguments, of in (
        ("export", export_s, ("export", "-o", str(file)), db),
        ("export --redact", export_s, ("export", "--redact", "-o", str(folder / "redacted.ndjson")), db),
        ("import", import_s, ("import", str(file)), new),
        ("import again", import_s, ("import", str(file)), new),
    ):
        took = timed(*arguments, db=of)
        rates.add(name, "per second", BARE, COUNT / bare_s)
        rates.add(name, "per second", "relay", COUNT / took.wall_s)
        memory.add(name, "MiB", "relay", took.peak_mib)
    with reading(new) as log:
        assert log.execute("SELECT count(*) FROM captures").fetchone() == (COUNT,)
    shutil.rmtree(folder)


def timed(*arguments: str, db: Path) -> Took:
    """Run a command to its end; the memory of the process that writes the database is not in it."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *RELAY, *arguments, "--db", str(db)],
        cwd=ROOT,
        env=environment(db.parent),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    took = ended(process, begun, memory=True)
    assert process.returncode == 0, arguments
    return took


def bare_export(db: Path, file: Path) -> float:
    """Seconds of the loop that writes."""
    begun = time.perf_counter()
    with reading(db) as log, file.open("w") as out:
        for number, headers, body in log.execute("SELECT id, headers, body FROM captures ORDER BY id"):
            line = {"id": number, "headers": json.loads(headers), "body": body.decode()}
            out.write(json.dumps(line) + "\n")
    return time.perf_counter() - begun


def bare_import(file: Path, db: Path) -> float:
    """Seconds of the loop that reads."""
    begun = time.perf_counter()
    with closing(sqlite3.connect(db, isolation_level=None)) as table, file.open() as lines:
        table.execute("PRAGMA journal_mode = WAL")
        table.execute("PRAGMA synchronous = FULL")
        table.execute("CREATE TABLE captures (id INTEGER PRIMARY KEY, headers TEXT, body BLOB)")
        table.execute("BEGIN")
        for number, text in enumerate(lines, 1):
            line = json.loads(text)
            values = (line["id"], json.dumps(line["headers"]), line["body"].encode())
            table.execute("INSERT INTO captures VALUES (?, ?, ?)", values)
            if number % BATCH == 0:
                table.execute("COMMIT")
                table.execute("BEGIN")
        table.execute("COMMIT")
    return time.perf_counter() - begun
