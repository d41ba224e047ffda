"""A redacted export holds nothing of what it was made from, and works like it."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as given_settings

from relay.analysis.journey import Journey
from relay.analysis.shape import judge
from relay.archive.exporting import Export, Format
from relay.archive.redaction.body import redacted_body
from relay.archive.redaction.numbers import with_check_digits
from relay.archive.redaction.policy import Policy, constants
from relay.archive.redaction.redactor import Redactor
from relay.archive.redaction.stand_ins import StandIns
from relay.lean.catalogue import Field, catalogue
from relay.lean.envelope import read_event
from relay.lean.ids import ids_of
from relay.lean.samples import Sampler
from relay.models import Answer, Capture, Event, Shape, from_micros
from relay.store.read.journeys import journey_of
from relay.store.read.reader import Reader
from relay.text.decoding import encoding_of
from relay.text.json_values import parsed
from tests.relay.archive.test_exporting import imported
from tests.support.factories import BODY, NOON, a_capture, a_delivery, insert, new_log
from tests.support.strategies import captures

SEED = b"a seed of 32 bytes, used in tests"


def redacted(body: bytes, *, amounts: bool = False, leave: tuple[str, ...] = ()) -> bytes:
    return redacted_body(body, Policy(amounts=amounts, leave=leave), StandIns(SEED, constants()))


# -- what stays, and what does not -----------------------------------------------------------------


def test_what_stays() -> None:
    """Layout, types, statuses, currencies, times and amounts; each id, name and reference is another."""
    made = redacted(BODY)
    for kept in (b'"type":"payment.updated"', b'"amount":100.50,"currency":"AED"', b'"PENDING_WITH_BANK"'):
        assert kept in made
    assert b'"message":"A payment object has been updated.","timestamp":"2026-11-20T11:59:59.089123Z"' in made
    for gone in (b"5b1f0f0e", b"c0ffee00", b"b0a1c2d3"):
        assert gone not in made
    assert len(made) == len(BODY)


KEPT: list[tuple[str, bool]] = [
    ('{"payload":{"amount":100.00}}', True),
    ('{"payload":{"amount":"100.00"}}', True),
    ('{"payload":{"account_balance":1234567}}', True),
    ('{"payload":{"amount":{"value":1234.5}}}', True),
    ('{"payload":{"value":1234.5}}', False),
    ('{"payload":{"amount":4111111111111111}}', False),
    ('{"payload":{"count":12}}', True),
    ('{"payload":{"account":123}}', False),
    ('{"payload":{"latitude":25.2048}}', False),
    ('{"payload":{"created_at":1790000000}}', True),
    ('{"payload":{"birth_at":1790000000}}', False),
    ('{"payload":{"due":"2026-11-20"}}', True),
    ('{"payload":{"date_of_birth":"1987-05-06"}}', False),
    ('{"payload":{"dob":"1987-05-06"}}', False),
    ('{"payload":{"state":"ACTIVE"}}', True),
    ('{"payload":{"state":"MOHAMMED"}}', False),
    ('{"payload":{"fee_currency":"AED"}}', True),
    ('{"payload":{"city":"DXB"}}', False),
    ('{"payload":{"note":""}}', True),
    ('{"payload":{"yes":true,"nothing":null}}', True),
    ('{"type":"some.new_type"}', True),
    ('{"type":"Mohammed Ali"}', False),
    ('{"message":"Your results are ready."}', True),
    ('{"message":"Hello Mohammed"}', False),
    ('{"payload":{"971501234567":true}}', False),
    ('{"payload":{"me@bank.ae":true}}', False),
    ('{"payload":{"some_name":true}}', True),
    ('"Mohammed"', False),
    ("[1234567]", False),
    ("1234567", False),
    ("true", True),
    ('{"type":"payment.created","payload":{"status":"Mohammed"}}', False),
    ('{"type":"payment.created","payload":{"currency":"Mohammed"}}', False),
    ('{"type":"payment.created","payload":{"id":1234567}}', False),
    ('{"type":"entity.created","payload":{"bank_details":{"main_color":"#1f6feb"}}}', True),
    ('{"type":"entity.created","payload":{"bank_details":{"name":"Some Bank"}}}', False),
]


@pytest.mark.parametrize(("text", "stays"), KEPT, ids=[text for text, _ in KEPT])
def test_each_rule(text: str, stays: bool) -> None:
    """What the catalogue documents as no person's, and what its name or form shows to be harmless, stays."""
    body = text.encode()
    made = redacted(body)
    assert (made == body) is stays
    assert judge(made).shape == judge(body).shape


def test_amounts_on_request() -> None:
    """They change alike everywhere, with as many digits, and whole ones stay whole."""
    body = b'{"payload":{"amount":100.50,"fee":"100.50","balance":3,"limit":250}}'
    made = json.loads(redacted(body, amounts=True), parse_float=str)
    assert redacted(body) == body
    assert made["payload"]["amount"] != "100.50"
    assert len(made["payload"]["amount"]) == 6
    assert isinstance(made["payload"]["limit"], int)
    assert made["payload"]["limit"] != 250


def test_fields_that_are_left() -> None:
    """A path keeps what stands there and below, in each entry of a list; one that nothing has is reported."""
    items = b'[{"name":"Aaa","note":"Bbb"},{"name":"Ccc"}]'
    body = b'{"payload":{"items":%s,"metadata":{"a":["Ddd"],"b":"Eee"}}}' % items
    policy = Policy(leave=("payload.items[0].name", "payload.metadata", "payload.nothing"))
    made = redacted_body(body, policy, StandIns(SEED))
    assert [word for word in (b"Aaa", b"Bbb", b"Ccc", b"Ddd", b"Eee") if word in made] == [
        b"Aaa",
        b"Ccc",
        b"Ddd",
        b"Eee",
    ]
    assert policy.unused == {"payload.nothing"}


NOT_JSON = [
    b'{"name":"Mohammed Ali","iban":"AE070331234567890123456"',
    b"name=Mohammed&iban=AE070331234567890123456",
    b"\xef\xbb\xbf" + b'{"name":"Mohammed"}',
    '{"name":"Mohammed"}'.encode("utf-16"),
    b"\x00\x01Mohammed\xff" * 5,
    b"[0123456]",
    b'{"a":"Mohammed\n"}',
]


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_what_is_not_json(body: bytes) -> None:
    """Nothing of it is left either, and it does not become JSON."""
    made = redacted(body)
    assert b"Moham" not in made.replace(b"\0", b"")
    assert b"0331234" not in made
    assert made != body
    assert judge(made).shape == judge(body).shape


@pytest.mark.parametrize("headers", [(), (("Content-Encoding", "gzip"),)], ids=["bare", "named"])
def test_compressed_bodies(headers: tuple[tuple[str, str], ...]) -> None:
    """The header that says so is left out, so the body comes decompressed, and redacted like any other."""
    capture = a_capture(body=gzip.compress(BODY), headers=headers)
    made = Redactor(seed=SEED)(capture)
    assert made.body == redacted(BODY)
    assert judge(made.body).shape == judge(capture.body, encoding_of(headers)).shape
    unknown = a_capture(body=b"Mohammed" * 9, headers=(("Content-Encoding", "br"),))
    assert b"Moham" not in Redactor(seed=SEED)(unknown).body


@pytest.mark.slow
def test_deep_json() -> None:
    """Depth costs nothing, and hides nothing."""
    body = b'{"a":' * 50_000 + b'"Mohammed"' + b"}" * 50_000
    made = redacted(body)
    assert b"Mohammed" not in made
    assert len(made) == len(body)


@pytest.mark.slow
@given_settings(max_examples=300)
@given(captures())
def test_shapes_survive(capture: Capture) -> None:
    """Whatever came, the redacted body has the same shape, and only its letters and digits differ."""
    made = Redactor(seed=SEED)(capture)
    assert judge(made.body).shape == judge(capture.body, encoding_of(capture.headers)).shape
    try:
        before, after = parsed(capture.body), parsed(made.body)
    except ValueError:
        return
    assert _outline(before) == _outline(after)


def _outline(value: Any) -> Any:
    if isinstance(value, dict):
        return [_outline(item) for item in value.values()]
    if isinstance(value, list):
        return [_outline(item) for item in value]
    return type(value)


# -- a thousand captures -----------------------------------------------------------------------------

MARK = "773451199"
"""In each canary that has digits only, or an account."""


UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Canaries:
    """Values that must not get out, each only once."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def text(self) -> str:
        return self._new(f"Canary-{len(self.made)}")

    def of(self, field: Field | None) -> str:
        """A value of the field's form, or of one of the forms of personal values."""
        number = len(self.made)
        if field is not None and field.format == "uuid":
            return self._new(str(UUID(int=0xCA9A4E57_0000_4000_8000_000000000000 + number)))
        account = with_check_digits("AE", f"{MARK}{number:010}")
        forms = (
            f"Canary-{number}",
            f"canary{number}@canary.ae",
            account,
            f"+971{MARK[:2]}{MARK[2:]}{number:04}",
            f"https://canary.ae/canary-{number}",
            f"{MARK}{number:06}",
            f"قناة canary{number}",
        )
        return self._new(forms[number % len(forms)])

    def number(self) -> int:
        return int(self._new(f"{MARK}{len(self.made):06}"))

    def _new(self, value: str) -> str:
        self.made.append(value)
        return value


def planted(event: dict[str, Any], canaries: Canaries, *, documented: bool) -> dict[str, Any]:
    """The event with canaries in fields that nobody documents; and in each documented text, if wanted."""
    known = catalogue().event(event["type"])
    fields = {field.name: field for field in known.payload}
    event = dict(event)
    event["payload"] = _planted(event["payload"], fields, canaries, documented=documented)
    if documented:
        event["message"] = canaries.text()
        if len(canaries.made) % 3 == 0:
            event["timestamp"], event["event_id"] = canaries.text(), canaries.of(None)
    event["undocumented"] = {"text": canaries.of(None), "list": [canaries.of(None), canaries.number()]}
    return event


def _planted(value: Any, fields: dict[str, Field], canaries: Canaries, *, documented: bool) -> dict[str, Any]:
    made = {}
    names = [*value, *(name for name in fields if documented and name not in value and name != "*")]
    for name in names:
        field = fields.get(name)
        made[name] = _of_field(value.get(name), field, canaries, documented=documented)
    return made | {
        "extra_text": canaries.of(None),
        "extra_number": canaries.number(),
        "extra": {"nested": [{"deep": canaries.of(None)}], "name": canaries.text()},
    }


def _of_field(value: Any, field: Field | None, canaries: Canaries, *, documented: bool) -> Any:
    if field is None:
        return value
    if field.type == "object":
        parts = {part.name: part for part in field.fields}
        return _planted(value if isinstance(value, dict) else {}, parts, canaries, documented=documented)
    if field.type == "array" and field.items is not None:
        items = value if isinstance(value, list) and value else [None]
        return [_of_field(item, field.items, canaries, documented=documented) for item in items]
    if documented and field.type in ("string", "any"):
        return canaries.of(field)
    if documented and field.type == "number":
        return canaries.number() * 10
    return value


def morning(canaries: Canaries) -> Iterator[Capture]:
    """A thousand captures of every type, with canaries wherever something personal may be."""
    rng = random.Random(7)
    types = [event.type for event in catalogue().events]
    number = 0
    while number < 1000:
        at = NOON + timedelta(seconds=number)
        sampler = Sampler(rng, lambda at=at: at, "KSA" if number % 2 else "UAE")  # type: ignore[misc]
        for type_ in [*types, *types]:
            number += 1
            event = planted(sampler.event(type_), canaries, documented=number % 5 == 0)
            body = json.dumps(event, default=float, ensure_ascii=number % 2 == 0).encode()
            yield _captured(number, body, canaries)
            if number % 10 == 1:  # A retry of Lean's.
                number += 1
                yield _captured(number, body, canaries)


def _captured(number: int, body: bytes, canaries: Canaries) -> Capture:
    known = read_event(body)
    assert known is not None
    headers = (
        ("Host", canaries.text()),
        ("Content-Type", f"application/json; boundary={canaries.text()}"),
        ("Authorization", f"Bearer {canaries.text()}"),
        (canaries.text(), "1"),
        ("lean-signature", f"sha512={canaries.text()}"),
    )
    event_at = None if known.event_at is None else from_micros(known.event_at)
    return a_capture(
        number,
        received_at=NOON + timedelta(seconds=number * 7),
        body=body,
        body_sha256=sha256(body).hexdigest(),
        event=Event(type=known.type, event_id=known.event_id, at=event_at, customer_id=known.customer_id),
        target=f"/webhooks/{canaries.number()}?token={canaries.text()}&to={canaries.text()}",
        headers=headers,
        client=canaries.text(),
        tls={
            "verdict": "good",
            "certificate": {"subject": f"CN={canaries.text()}", "san": [canaries.text()]},
        },
        answer=Answer(status=200, on_purpose=canaries.text()),
        signed_by=canaries.text(),
        shape=judge(body).shape,
        note=canaries.text(),
        starred=True,
        deliveries=(
            a_delivery(number, target=f"http://{canaries.text()}:3000", reason=canaries.text(), attempts=1),
        ),
    )


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Canaries]:
    """A database with them, each with an attempt whose response has canaries too."""
    path = tmp_path_factory.mktemp("thousand") / "relay.db"
    canaries = Canaries()
    seen: dict[str | None, int] = {}
    with closing(new_log(path)) as connection:
        connection.execute("BEGIN")
        for capture in morning(canaries):
            event_id = capture.event.event_id if capture.event else None
            first = seen.setdefault(event_id, capture.id)
            insert(connection, replace(capture, repeat_of=first if first != capture.id else None))
            connection.execute(
                "UPDATE attempts SET headers = ?, body = ?, error = ?, verdict_reason = ?"
                " WHERE delivery_id = ?",
                (
                    json.dumps([["Set-Cookie", canaries.text()]]),
                    canaries.text().encode(),
                    canaries.text(),
                    canaries.text(),
                    capture.id,
                ),
            )
        connection.execute("COMMIT")
    return path, canaries


def haystack(data: bytes) -> str:
    """All texts of a file: as written, each value of its lines, and each value of the bodies in them."""
    parts = [data.decode()]
    stack: list[Any] = [json.loads(line) for line in data.splitlines()]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            parts += value
            stack += value.values()
            if isinstance(value.get("body"), str) and value["body"].startswith("{"):
                stack.append(json.loads(value["body"], parse_float=str))
        elif isinstance(value, list):
            stack += value
        elif value is not None:
            parts.append(str(value))
    return "\n".join(parts)


def export_of(path: Path, form: Format = Format.NDJSON, **more: Any) -> bytes:
    with Reader(path) as reader:
        export = Export(form, at=NOON, **more)
        return b"".join(export.data(reader, reader.captures(reader.page(0, 10_000))))


def own_ids(path: Path) -> set[str]:
    """Every id of Lean's in the bodies."""
    with Reader(path) as reader:
        bodies = [parsed(capture.body) for capture in reader.captures(reader.page(0, 10_000))]
    found = {each.value for body in bodies for each in ids_of(body)} | {body["event_id"] for body in bodies}
    return {each for each in found if UUIDS.fullmatch(each)}


@pytest.mark.slow
def test_no_canary_gets_out(thousand: tuple[Path, Canaries]) -> None:
    """Of tens of thousands none is in a redacted export; an export with everything has them all."""
    path, canaries = thousand
    assert len(canaries.made) > 20_000
    data = haystack(export_of(path, redaction=Redactor(seed=SEED)))
    assert "anary" not in data
    assert "ANARY" not in data
    assert MARK not in data
    assert "ca9a4e57" not in data
    assert not own_ids(path) & set(UUIDS.findall(data))
    for form in (Format.CURL, Format.BODIES):
        other = export_of(path, form, redaction=Redactor(seed=SEED))
        assert not [mark for mark in (b"anary", b"ANARY", MARK.encode(), b"ca9a4e57") if mark in other]
    control = haystack(export_of(path, reveal=True))
    words = set(re.findall(r"[\w@./:+-]+", control))
    lost = [each for each in canaries.made if not {*each.split(), each} & words and each not in control]
    assert lost == []
    assert own_ids(path) <= set(UUIDS.findall(control))


@pytest.mark.slow
def test_it_works_elsewhere_as_here(thousand: tuple[Path, Canaries], tmp_path: Path) -> None:
    """Each signature is valid by the bundle's secret, each shape and each journey is as it was."""
    path, _ = thousand
    there = imported(export_of(path, redaction=Redactor(seed=SEED)), tmp_path)
    with Reader(path) as old, Reader(there) as new:
        before, after = (reader.captures(reader.page(0, 10_000)) for reader in (old, new))
        assert {(each.signature, each.signed_by) for each in after} == {("valid", "bundle:file")}
        assert [each.repeat_of for each in after] == [each.repeat_of for each in before]
        pairs: dict[str, str] = {}
        for one, other in zip(before, after, strict=True):
            assert judge(other.body).shape is one.shape
            assert _differences(other.body) == _differences(one.body)
            assert one.event is not None
            assert other.event is not None
            assert (one.event.type, one.event.at) == (other.event.type, other.event.at)
            assert other.headers[0] == ("Content-Type", "application/json")
            ids = zip(ids_of(parsed(one.body)), ids_of(parsed(other.body)), strict=True)
            for mine, theirs in ids:
                assert (mine.of, mine.path) == (theirs.of, theirs.path)
                assert pairs.setdefault(mine.value, theirs.value) == theirs.value
        assert len(set(pairs.values())) == len(pairs)
        roots = sorted({each.event.customer_id for each in before if each.event and each.event.customer_id})
        assert len(roots) > 20
        for root in roots[::3]:
            assert list(_form(journey_of(new, pairs[root])[0])) == list(_form(journey_of(old, root)[0]))
    assert {Shape.DOCUMENTED, Shape.DRIFT} <= {each.shape for each in before}


def _differences(body: bytes) -> list[tuple[Any, ...]]:
    return [(each.steps, each.kind, each.expected, each.warning) for each in judge(body).differences]


def _form(journey: Journey) -> Iterable[Any]:
    """What a journey is, but for ids and addresses."""
    yield journey.of, len(journey.ids), [of for of, _ in journey.ids]
    for step in journey.steps:
        changed = step.status and (step.status.what, step.status.before is None)
        retry = step.retry and (
            step.retry.number,
            step.retry.after_first,
            step.retry.scheduled,
            step.retry.same_bytes,
        )
        yield (
            step.capture_id,
            step.type,
            step.event_at,
            step.gap,
            changed,
            [(each.of, each.path) for each in step.ids],
            retry,
            step.stamped_before,
            step.answer,
        )
