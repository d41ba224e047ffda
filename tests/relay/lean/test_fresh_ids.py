"""Fresh ids: what changes, what stays, and that equal ids stay equal."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.lean.catalogue import catalogue
from relay.lean.fresh_ids import fresh_event, fresh_id, moved
from relay.lean.ids import LONGEST, Of, all_ids
from relay.lean.samples import Sampler
from relay.text.json_values import parsed
from tests.support import strategies
from tests.support.factories import BODY, EVENT_ID, NOON

HOUR_US = 3_600_000_000
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_only_the_event_s_own_id_and_time_change() -> None:
    """The id is a UUID again, the time has its digits; every other byte stays."""
    made = fresh_event(BODY, "s", HOUR_US)
    new = json.loads(made)["event_id"]
    assert UUID4.fullmatch(new)
    assert new != EVENT_ID
    expected = BODY.replace(EVENT_ID.encode(), new.encode())
    assert made == expected.replace(b"2026-11-20T11:59:59.089123Z", b"2026-11-20T12:59:59.089123Z")


def test_one_mapping_for_a_seed() -> None:
    """A retry stays a retry of its event; another seed makes another id."""
    assert fresh_event(BODY, "s", HOUR_US) == fresh_event(BODY, "s", HOUR_US)
    assert fresh_id(EVENT_ID, "s") != fresh_id(EVENT_ID, "t")
    assert fresh_id(EVENT_ID.upper(), "s") == fresh_id(EVENT_ID, "s").upper()


def test_ids_in_payloads_join_as_before() -> None:
    """The same id is the same new id in every event; banks and ids that the backend chose stay."""
    sampler = Sampler(random.Random(3), lambda: NOON, "UAE")
    mapped: dict[str, str] = {}
    for event in catalogue().events:
        body = sampler.body(event.type)
        made = fresh_event(body, "s", HOUR_US, payload=True)
        assert len(made) == len(body)
        for old, new in zip(all_ids(parsed(body)), all_ids(parsed(made)), strict=True):
            if old.of is Of.BANK or old.path.endswith("app_user_id"):
                assert new == old
            else:
                assert new.value == fresh_id(old.value, "s") != old.value
                assert mapped.setdefault(old.value, new.value) == new.value
        shallow = json.loads(fresh_event(body, "s", HOUR_US))
        assert shallow["payload"] == json.loads(body)["payload"]
    assert len(set(mapped.values())) == len(mapped)


@pytest.mark.parametrize(
    "old",
    ["evt-1", "evt_0042", "A", "7", "Zz9 é", "0" * 32, "deadbeef" * 4, "DEADBEEF" * 4, "q" * 200],
)
def test_another_id_keeps_its_form(old: str) -> None:
    """Each character stays what it was: a digit, a letter of its case, or itself."""
    new = fresh_id(old, "s")
    assert new != old
    assert len(new) == len(old)
    hexadecimal = old.lower() == "deadbeef" * 4
    for before, after in zip(old, new, strict=True):
        if hexadecimal:
            assert after in ("0123456789abcdef" if old.islower() else "0123456789ABCDEF")
        elif not (before.isascii() and before.isalnum()):
            assert after == before
        else:
            assert (after.isdigit(), after.islower()) == (before.isdigit(), before.islower())


def test_short_ids_stay_apart() -> None:
    """A thousand numbered ids have a thousand new ones."""
    assert len({fresh_id(f"evt-{number:03}", "s") for number in range(1000)}) == 1000
    assert fresh_id("--", "s") == "--"


@pytest.mark.parametrize(
    ("old", "shift_us", "new"),
    [
        ("2026-11-20T11:59:59Z", 1_999_999, "2026-11-20T12:00:00Z"),
        ("2026-11-20T11:59:59.5Z", 1_000_000, "2026-11-20T12:00:00.5Z"),
        ("2026-11-20T11:59:59.089123Z", -1, "2026-11-20T11:59:59.089122Z"),
        ("2026-11-20T09:41:41.2040009Z", HOUR_US, "2026-11-20T10:41:41.2040009Z"),
        ("2026-11-20 23:59:59.004000341+04:00", 1_000_000, "2026-11-21 00:00:00.004000341+04:00"),
        ("2026-11-20t11:59:59z", 1_000_000, "2026-11-20t12:00:00z"),
        ("2026-11-20T11:59:59", 1_000_000, "2026-11-20T12:00:00"),
        ("9999-12-31T23:59:59Z", HOUR_US, "9999-12-31T23:59:59Z"),
        ("2026-13-20T11:59:59Z", HOUR_US, "2026-13-20T11:59:59Z"),
        ("yesterday", HOUR_US, "yesterday"),
        ("2026-11-20T11:59:59.Z", HOUR_US, "2026-11-20T11:59:59.Z"),
    ],
)
def test_a_time_keeps_its_notation(old: str, shift_us: int, new: str) -> None:
    """As many digits, the same separators and offset; what is no such time stays."""
    assert moved(old, shift_us) == new


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"a=1&event_id=2",
        b"\x1f\x8b\x08event_id",
        b'{"event_id":"',
        b"[1,2]",
        b'{"event_id":7,"timestamp":1700000000}',
        b'{"event_id":null,"timestamp":{}}',
        b'{"type":"a","payload":{"amount":1.50}}',
        b'{"event_id":"' + b"a" * (LONGEST + 1) + b'"}',
    ],
)
def test_what_has_none_stays(body: bytes) -> None:
    """Bodies that are not JSON, and fields that are absent, of another type or too long, are not touched."""
    assert fresh_event(body, "s", HOUR_US, payload=True) == body


def test_the_last_of_repeated_keys_and_escaped_names() -> None:
    """The value that counts is replaced, and a body with errors elsewhere is changed too."""
    body = b'{ "event_id" : "evt-1", "event\\u005fid":"evt-2" ,"x": 1.50, "payload": {"id": nope} }'
    new = fresh_id("evt-2", "s").encode()
    assert fresh_event(body, "s", 0, payload=True) == body.replace(b'"evt-2"', b'"%s"' % new)


@given(
    strategies.json_texts,
    st.sampled_from([EVENT_ID, "evt-1", "é1", "", "\ud800a"]),
    st.sampled_from(["2026-11-20T11:59:59.089123Z", "soon"]),
    st.booleans(),
    st.booleans(),
)
def test_every_other_byte_is_kept(
    payload: str, event_id: str, at: str, ascii_only: bool, payload_too: bool
) -> None:
    """Whatever the payload: the same bytes round the two values, and numbers keep their digits."""

    def body(event_id: str, at: str) -> bytes:
        parts = [json.dumps(each, ensure_ascii=ascii_only) for each in (event_id, at)]
        text = f'{{ "timestamp" :{parts[1]},\t"payload": {payload} , "event_id":{parts[0]} }}\n'
        return text.encode("utf-8", "surrogatepass")

    made = fresh_event(body(event_id, at), "s", HOUR_US, payload=payload_too)
    assert made == body(fresh_id(event_id, "s"), moved(at, HOUR_US))


@given(st.text(max_size=20), st.text(max_size=20))
def test_two_ids_never_become_one(one: str, other: str) -> None:
    """Different ids stay different, and equal ones equal."""
    assert (fresh_id(one, "s") == fresh_id(other, "s")) == (one == other)


def test_ids_among_many_escapes() -> None:
    """All are mapped, in a moment: each name that has an escape is read once."""
    ids = b",".join(b'"k%d_id":"1"' % number for number in range(5_000))
    escapes = b",".join(b'"\\u0041%d":1' % number for number in range(5_000))
    body = b'{"type":"a","payload":{%s,%s},"event_id":"e1"}' % (ids, escapes)
    made = json.loads(fresh_event(body, "s", 0, payload=True))["payload"]
    assert {made[f"k{number}_id"] for number in range(5_000)} == {fresh_id("1", "s")}
    assert made["A7"] == 1


def test_a_payload_of_many_ids() -> None:
    """All of them are mapped, not only as many as a list shows."""
    ids = [f"acc-{number:04}" for number in range(1200)]
    event: dict[str, Any] = {"type": "a", "payload": {"accounts": [{"account_id": each} for each in ids]}}
    made = json.loads(fresh_event(json.dumps(event).encode(), "s", 0, payload=True))
    assert [each["account_id"] for each in made["payload"]["accounts"]] == [
        fresh_id(each, "s") for each in ids
    ]
