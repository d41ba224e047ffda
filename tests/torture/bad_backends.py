"""`kill -9` while captures go to a backend that does anything but answer as it should."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from relay.delivery.http.outcomes import Outcome
from tests.relay.delivery.http.test_sender_bad_backends import BAD
from tests.support.backends import OK, Backend, Behaviour, Wire, answers, backend
from tests.support.program import nothing_waits, reading, running
from tests.support.sink import CAPTURE
from tests.support.waiting import wait_until
from tests.torture.posting import posting

STATUSES = (201, 204, 302, 307, 400, 401, 404, 429, 500, 503)


def _status(status: int, elsewhere: str) -> Behaviour:
    head = f"HTTP/1.1 {status} Odd\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
    return answers(head.encode())


def behaviours(elsewhere: str) -> list[Behaviour]:
    """Some that answer well, each status, and each way to break off or to talk nonsense.

    Args:
        elsewhere: where redirections point.
    """
    broken = [
        behave
        for name, (behave, outcome, *_) in BAD.items()
        if outcome is not Outcome.TIMEOUT and not name.startswith(("endless", "1xx"))
    ]
    return [*broken, *[answers(OK)] * 10, *(_status(status, elsewhere) for status in STATUSES)]


@dataclass(slots=True)
class Tally:
    """Results of the rounds."""

    kills: int = 0
    captures: int = 0
    unended: int = 0
    """Deliveries that did not end."""
    without_attempt: int = 0
    """Deliveries that ended without an attempt that can be seen."""
    repeats: int = 0
    redirected: int = 0
    """Connections where redirections point."""
    acked: int = 0
    lost: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """Of attempts."""
    traceback: bool = False


def bad_backend_rounds(folder: Path, rounds: int, *, in_flight: int = 4, seed: int = 1) -> Tally:
    """Post, kill, start again on the same database; at last everything is drained."""
    rng = random.Random(seed)
    tally = Tally()
    acked: dict[str, str] = {}
    with backend(answers()) as elsewhere:
        choice = behaviours(elsewhere.url)

        def behave(there: Backend, wire: Wire) -> None:
            rng.choice(choice)(there, wire)

        with backend(behave) as there:
            to = ("--forward-to", f"{there.url}/hook", "--in-flight", str(in_flight))
            for number in range(rounds):
                with running(folder, *to) as program:
                    with posting(program.port, connections=1, seed=number) as posters:
                        posters.stopping.wait(rng.uniform(0.2, 0.8))
                        program.kill()
                    acked |= posters.acked
                    tally.kills += 1
                    tally.traceback |= "Traceback" in program.said
            with running(folder, *to) as program:
                wait_until(lambda: nothing_waits(program.db), "the queue to drain", within_s=120)
                tally.traceback |= "Traceback" in program.said
        came = Counter(found[1] for each in there.requests if (found := CAPTURE.search(each)))
        tally.redirected = elsewhere.connections
    tally.repeats = sum(count - 1 for count in came.values())
    with reading(folder / "relay.db") as log:
        stored = {event_id for (event_id,) in log.execute("SELECT event_id FROM captures")}
        (tally.captures,) = log.execute("SELECT count(*) FROM captures").fetchone()
        (tally.unended,) = log.execute("SELECT count(*) FROM deliveries WHERE state <> 'ended'").fetchone()
        (tally.without_attempt,) = log.execute(
            "SELECT count(*) FROM deliveries WHERE id NOT IN (SELECT delivery_id FROM attempts)"
        ).fetchone()
        tally.outcomes = Counter(dict(log.execute("SELECT outcome, count(*) FROM attempts GROUP BY outcome")))
    tally.acked, tally.lost = len(acked), len(acked.keys() - stored)
    return tally
