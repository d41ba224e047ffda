"""A backend that is stopped for a while under load, and started again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.program import ROOT, Process, nothing_waits, reading, running
from tests.support.sink import sink
from tests.support.waiting import wait_until

PER_SECOND = 400
SECONDS = 1.5


def test_a_backend_stopped_under_load(tmp_path: Path) -> None:
    """Everything is answered meanwhile; on its return the backlog goes at once, in order, each once."""
    load = [sys.executable, "-m", "tests.bench.load", "--rate", str(PER_SECOND), "--seconds", str(SECONDS)]
    with sink() as there, running(tmp_path, "--forward-to", f":{there.port}/hook") as relay:
        with Process([*load, "--port", str(relay.port)], cwd=ROOT, stdout=subprocess.PIPE) as posting:
            wait_until(lambda: len(there.came) > 50, "the first captures")
            there.stop()
            wait_until(lambda: "is down: nothing listens" in relay.said, "the word that it is down")
            before = len(there.came)
            out, _ = posting.communicate(timeout=30)
        figures = json.loads(out)
        count = int(PER_SECOND * SECONDS)
        assert (figures["answered"], figures["other"]) == (count, 0)
        assert len(there.came) == before
        there.start()
        wait_until(lambda: nothing_waits(relay.db), "the queue to drain")
        with reading(relay.db) as log:
            # One may have been connected by the system and never accepted; it is not sent again.
            cut_off = "SELECT capture_id FROM attempts JOIN deliveries ON deliveries.id = delivery_id"
            lost = [number for (number,) in log.execute(f"{cut_off} WHERE outcome IN ('reset', 'closed')")]
            assert len(lost) <= 1
            assert log.execute(
                "SELECT count(*) FROM attempts WHERE outcome = 'answered' AND status = 200"
            ).fetchone() == (count - len(lost),)
        assert there.ids == [number for number in range(1, count + 1) if number not in lost]
        assert f"is back; {count - before - len(lost)} webhooks are waiting for it" in relay.said
