"""How fast, and in how much memory, captures are exported, redacted and imported: beside bare loops.

The bare loops read the same rows and write the same bodies as JSON lines, and read such lines into a table in
commits of as many rows. They know no note, no attempt, no digest and no signature.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from relay.archive.importing import BATCH
from tests.bench.backlog import fill
from tests.support.program import RELAY, ROOT, environment, reading

COUNT = 100_000


@dataclass(frozen=True, slots=True)
class Timed:
    """One run."""

    seconds: float
    peak_mib: float
    """Of the command's own process; that which writes the database is apart."""

    def words(self, base_s: float) -> str:
        return (
            f"{COUNT / self.seconds:>8,.0f} captures/s, {base_s / self.seconds:.2f} of a bare loop, "
            f"at most {self.peak_mib:.0f} MiB"
        )


def measure(folder: Path) -> Iterator[str]:
    """A line for each measure."""
    folder.mkdir(parents=True)
    db, file = folder / "relay.db", folder / "all.ndjson"
    fill(db, COUNT, judged=True)
    bare_export_s = bare_export(db, folder / "bare.ndjson")
    bare_import_s = bare_import(folder / "bare.ndjson", folder / "bare.db")
    yield f"{COUNT:,} captures:"
    yield f"  export           {timed('export', '-o', str(file), db=db).words(bare_export_s)}"
    redacted = timed("export", "--redact", "-o", str(folder / "redacted.ndjson"), db=db)
    yield f"  export --redact  {redacted.words(bare_export_s)}"
    new = folder / "new.db"
    yield f"  import           {timed('import', str(file), db=new).words(bare_import_s)}"
    with reading(new) as log:
        assert log.execute("SELECT count(*) FROM captures").fetchone() == (COUNT,)
    yield f"  import again     {timed('import', str(file), db=new).words(bare_import_s)}"


def timed(*arguments: str, db: Path) -> Timed:
    """Run a command to its end."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *RELAY, *arguments, "--db", str(db)],
        cwd=ROOT,
        env=environment(db.parent),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Timed(time.perf_counter() - begun, used.ru_maxrss / unit)


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
