"""A model of what a relay must hold, and the real program: the same steps at random, then compared.

Steps are webhooks, repeats, stars, replays, removals, a backend that fails or is down, restarts and kills.
One caller posts, so that the model knows each row: after any step the database has those and no others.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    Running,
    exchange,
    is_sound,
    lean_relay_here,
    nothing_waits,
    reading,
    running,
)
from tests.support.sink import ANSWER, Sink, sink
from tests.support.waiting import wait_until

FAILS = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"

PLACE = st.floats(0, 1, exclude_max=True)
"""Which of those there are."""


class RelayModel(RuleBasedStateMachine):
    """One database and one backend."""

    steps = 0
    acked = 0
    kills = 0
    """Of all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.captures: dict[int, bytes] = {}
        """Id -> body of those that must be there."""
        self.event_of: dict[int, str] = {}
        self.starred: set[int] = set()
        self.newest = 0
        self.is_up = True
        self._until = ExitStack()
        self._life = ExitStack()
        self.folder = Path(self._until.enter_context(TemporaryDirectory(prefix="model-")))
        self.backend: Sink = self._until.enter_context(sink())

    @initialize()
    def start(self) -> None:
        """Start the program, on what is there."""
        to = ("--forward-to", f":{self.backend.port}/hook")
        self.program: Running = self._life.enter_context(running(self.folder, *to))

    def teardown(self) -> None:
        """End everything; at last what waits is sent."""
        try:
            if not self.is_up:
                self.backend.start()
            wait_until(lambda: nothing_waits(self.program.db), "the queue to drain", within_s=60)
            assert set(self.captures) <= set(self.backend.ids)
            assert is_sound(self.program.db)
            assert "Traceback" not in self.program.said, self.program.said
        finally:
            self._life.close()
            self._until.close()

    def _command(self, *words: str) -> None:
        done = lean_relay_here(self.folder, *words, "--db", str(self.program.db))
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def _chosen(self, place: float) -> int:
        ids = sorted(self.captures)
        return ids[int(place * len(ids))]

    def _post(self, body: bytes, event_id: str) -> None:
        reply = exchange(self.program.port, a_request(body))
        assert reply is not None
        assert reply.status == 200, self.program.said
        type(self).acked += 1
        self.newest += 1
        self.captures[self.newest] = body
        self.event_of[self.newest] = event_id

    @rule(padding=st.sampled_from([0, 0, 5, 3_000, 60_000]))
    def receive(self, padding: int) -> None:
        """A new event."""
        event_id = str(uuid4())
        self._post(a_body(event_id) + b" " * padding, event_id)

    @precondition(lambda self: self.captures)
    @rule(place=PLACE, other=st.booleans())
    def repeat(self, place: float, other: bool) -> None:
        """The same event again, with the same bytes or with others."""
        number = self._chosen(place)
        self._post(self.captures[number] + b" " * other, self.event_of[number])

    @rule(fails=st.booleans())
    def answer(self, fails: bool) -> None:
        """The backend answers 500, or 200 again."""
        self.backend.answer = FAILS if fails else ANSWER

    @rule()
    def down_or_up(self) -> None:
        """The backend goes down, or comes back."""
        (self.backend.stop if self.is_up else self.backend.start)()
        self.is_up = not self.is_up

    @precondition(lambda self: self.captures)
    @rule(place=PLACE, remove=st.booleans())
    def star(self, place: float, remove: bool) -> None:
        """Star one, or take its star away."""
        number = self._chosen(place)
        self._command("star", str(number), *(["--remove"] if remove else []))
        (self.starred.discard if remove else self.starred.add)(number)

    @precondition(lambda self: self.captures and self.is_up)
    @rule(place=PLACE)
    def replay(self, place: float) -> None:
        """Send one again: it comes once more."""
        number = self._chosen(place)
        wait_until(lambda: nothing_waits(self.program.db), "the queue to drain", within_s=60)
        before = self.backend.ids.count(number)
        self._command("replay", str(number), "--to", f":{self.backend.port}")
        assert self.backend.ids.count(number) == before + 1

    @precondition(lambda self: len(self.captures) > 3 and self.is_up)
    @rule(place=PLACE)
    def prune(self, place: float) -> None:
        """Remove two that have been sent; a starred one stays."""
        wait_until(lambda: nothing_waits(self.program.db), "the queue to drain", within_s=60)
        first = self._chosen(place)
        gone = {number for number in (first, first + 1) if number in self.captures} - self.starred
        done = lean_relay_here(
            self.folder, "prune", f"{first}..{first + 1}", "--yes", "--db", str(self.program.db)
        )
        assert done.returncode in (0, 4), done.stderr
        for number in gone:
            del self.captures[number]

    @rule()
    def restart(self) -> None:
        """End in order, and start again."""
        assert self.program.stop() == 0, self.program.said
        assert "Traceback" not in self.program.said, self.program.said
        self._life.close()
        self.start()

    @rule()
    def kill(self) -> None:
        """SIGKILL, and start again."""
        self.program.kill()
        type(self).kills += 1
        self._life.close()
        self.start()

    @invariant()
    def rows_are_those_of_the_model(self) -> None:
        """Ids, bytes, stars and repeats."""
        type(self).steps += 1
        if not hasattr(self, "program"):
            return
        with reading(self.program.db) as log:
            rows = log.execute(
                "SELECT id, body, event_id, repeat_of, coalesce(starred, 0) FROM captures"
                " LEFT JOIN notes ON notes.capture_id = captures.id ORDER BY id"
            ).fetchall()
        found = {number: hashlib.sha256(body).digest() for number, body, *_ in rows}
        assert found == {number: hashlib.sha256(body).digest() for number, body in self.captures.items()}
        assert {number for number, *_, starred in rows if starred} == self.starred
        firsts: dict[str, int] = {}
        for number, _, event_id, repeat_of, _ in rows:
            if event_id in firsts:
                assert repeat_of is not None, number
            firsts.setdefault(event_id, number)
