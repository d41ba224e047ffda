"""Journeys read from a log: every capture that names an id is found, however it is written there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.analysis.journey import value_of
from relay.errors import NotFound, RelayError
from relay.lean.ids import Of, ids_of
from relay.store.read.id_scan import FEW, naming
from relay.store.read.journeys import SearchProgress, journey_of, ranked
from relay.store.read.reader import Reader
from tests.relay.analysis.test_journey import captured, id_in, story
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.strategies import NOISE, SPELLINGS

CAPTURES = story()
CUSTOMER, INTENT, PAYMENT = (
    id_in(CAPTURES[at], of) for at, of in ((0, Of.CUSTOMER), (2, Of.INTENT), (2, Of.PAYMENT))
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A log of two customers' stories."""
    with closing(new_log(tmp_path / "relay.db")) as connection:
        insert_all(connection, [*CAPTURES, *story(seed=2, first=100)])
        yield connection


@pytest.fixture
def reader(tmp_path: Path, log: sqlite3.Connection) -> Iterator[Reader]:
    with Reader(tmp_path / "relay.db") as reader:
        yield reader


def named(reader: Reader, ids: set[str]) -> list[int]:
    return [number for _, found in naming(reader, ids) for number in found]


@pytest.mark.parametrize("more", [0, FEW], ids=["few", "many"])
def test_ids_of_any_form_are_found(reader: Reader, more: int) -> None:
    """A few ids, each looked for in SQL, or many at once; what is nowhere finds nothing."""
    others = {f"nowhere-{number}" for number in range(more)}
    assert named(reader, {INTENT} | others) == [2, 3, 4, 5]
    assert named(reader, {INTENT, CUSTOMER, "\ud800"} | others) == [1, 2, 3, 4, 5]
    assert named(reader, {"nowhere"} | others) == []
    assert [upto for upto, _ in naming(reader, {INTENT})] == [107]


spelled = st.lists(
    st.one_of(
        st.sampled_from([each for written in SPELLINGS.values() for each in written]).map(str.encode),
        st.sampled_from(NOISE),
    ),
    max_size=3,
).map(b"".join)


@pytest.mark.slow
@given(
    parts=st.lists(spelled, min_size=1, max_size=5),
    more=st.sampled_from([0, FEW]),
    marked=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_no_body_that_names_an_id_is_left_out(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], more: int, marked: bool
) -> None:
    """Whatever an id is made of, and however JSON writes it."""
    path = tmp_path_factory.mktemp("log") / "relay.db"
    bodies = [b'{"payload":{"id":"' + part + b'","x":NaN,"y":"\\""}}' for part in parts]
    known = [{each.value for each in ids_of(value_of(body))} for body in bodies]
    with closing(new_log(path)) as log:
        insert_all(log, (a_capture(number, body=body) for number, body in enumerate(bodies)))
        if not marked:
            log.execute("UPDATE captures SET plain = NULL")
        with Reader(path) as reader:
            for ids in known:
                expected = {number for number, others in enumerate(known) if ids & others}
                assert expected <= set(named(reader, ids | {f"no-{n}" for n in range(more)}))


def test_an_id_behind_escapes_belongs(log: sqlite3.Connection, reader: Reader) -> None:
    """A payment that another serializer wrote with each character escaped is a step like any other."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in PAYMENT)
    body = json.dumps({"type": "payment.updated", "payload": {"id": "?"}}).replace("?", escaped)
    insert_all(log, [captured(50, body.encode())])
    journey, left_out = journey_of(reader, PAYMENT)
    assert [step.capture_id for step in journey.steps] == [2, 3, 4, 5, 50]
    assert left_out == 0


def test_one_that_begins_with_a_capture_is_the_same_and_takes_fewer_passes(reader: Reader) -> None:
    """What a capture that names the id links is looked for at once."""
    told: list[SearchProgress] = []
    journey, _ = journey_of(reader, PAYMENT, report=told.append)
    assert [looking.ids for looking in told] == [1, 1]
    begun: list[SearchProgress] = []
    assert journey_of(reader, PAYMENT, begin_with=3, report=begun.append)[0] == journey
    assert [looking.words for looking in begun] == ["Looked through 107 of 107 captures for 2 ids"]


def test_a_ranking_spares_the_first_pass(
    log: sqlite3.Connection, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search that ranked the ids has found their captures; only newer ones are searched."""
    (capture,) = reader.captures([3])
    ranking = ranked(reader, capture)
    assert {PAYMENT, INTENT} <= ranking.searched
    told: list[SearchProgress] = []
    journey, _ = journey_of(reader, PAYMENT, begin_with=3, ranking=ranking, report=told.append)
    assert journey == journey_of(reader, PAYMENT)[0]
    assert told == []
    insert_all(log, [captured(200, CAPTURES[3].body)])
    journey, _ = journey_of(reader, PAYMENT, begin_with=3, ranking=ranking, report=told.append)
    assert [step.capture_id for step in journey.steps] == [2, 3, 4, 5, 200]
    assert [looking.ids for looking in told] == [2]
    monkeypatch.setattr("relay.store.read.journeys.ENOUGH_NAMED", 1)
    stopped_early = ranked(reader, capture)
    assert (stopped_early.searched, stopped_early.found) == (frozenset(), ())
    assert journey_of(reader, PAYMENT, begin_with=3, ranking=stopped_early)[0] == journey


def test_an_event_id_leads_to_its_journey_in_one_pass(reader: Reader) -> None:
    """What the event is about is read from it, before anything is looked through."""
    event = CAPTURES[2].event
    assert event is not None
    assert event.event_id is not None
    told: list[SearchProgress] = []
    journey, _ = journey_of(reader, event.event_id, report=told.append)
    assert journey.root_id == PAYMENT
    assert len(told) == 1


def test_a_look_that_is_interrupted_says_so(reader: Reader) -> None:
    """It is stopped, not without a result."""
    with pytest.raises(RelayError) as stopped:
        journey_of(reader, INTENT, report=lambda looking: reader.interrupt())
    assert stopped.value.word == "stopped"
    with pytest.raises(NotFound):
        journey_of(reader, "nowhere")
    assert len(journey_of(reader, INTENT)[0].steps) == 4
