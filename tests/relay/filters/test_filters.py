from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.filters import HELP, FilterError, arrival_fault, parse
from relay.filters.operators import OPERATORS
from relay.models import Answer, Capture, Event, Origin, Shape, Signature
from tests.support import strategies
from tests.support.factories import EVENT_ID, NOON, a_capture, a_delivery

DUBAI = timezone(timedelta(hours=4))


def holds(text: str, **changes: Any) -> bool:
    return parse(text, NOON).matches(a_capture(**changes))


def fault(text: str) -> tuple[int, str]:
    with pytest.raises(FilterError) as caught:
        parse(text, NOON)
    return caught.value.column, caught.value.message


def body_holds(text: str, body: bytes | str) -> bool:
    return holds(text, body=body if isinstance(body, bytes) else body.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("  ", True),
        ("a b", False),
        ("a OR b", True),
        ("a AND b", False),
        ("b OR a c", False),
        ("(b OR a) -c", True),
        ("not:b", True),
        ("NOT:b", True),
        ("NOT b", True),
        ("-a", False),
        ("--a", True),
        ("-(b OR c)", True),
        ("not:(a b)", True),
        ('"a"', True),
        ('-"a b"', True),
        ("or", False),
        ('"OR"', False),
        ("A", True),
        ("a)", None),
        ("*", True),
    ],
)
def test_combining(text: str, expected: bool | None) -> None:
    """Words all have to hold; OR, brackets and negation combine them as in a search box."""
    what = {"target": "/", "headers": (), "body": b"a"}
    if expected is None:
        fault(text)
    else:
        assert holds(text, **what) is expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("type:", 5, 'a value is missing after "type:"'),
        ("a type: b", 7, "missing after"),
        ('type:""', 5, "missing after"),
        ("a OR", 4, "missing after OR"),
        ("OR a", 0, "missing before OR"),
        ("a OR OR b", 5, "missing after OR"),
        ("(a", 0, "not closed"),
        ("a (b (c)", 2, "not closed"),
        ("a)", 1, "closes nothing"),
        (")", 0, "closes nothing"),
        ("a ()", 3, "nothing between the brackets"),
        ("a -", 3, "to negate is missing"),
        ("not: a", 4, "to negate is missing"),
        ("NOT", 3, "to negate is missing"),
        ('x "abc', 2, "not closed"),
        ('a"b"', 1, "whole word"),
        ('"a"b', 3, "space is missing"),
        ('""', 0, "nothing between the quotes"),
        ("statsu:500", 0, 'did you mean "status:"'),
        ("x localhost:3000", 2, "in quotes"),
        ("status:abc", 7, "not a valid status code"),
        ("status:9..1", 7, "backwards"),
        ("status:..", 7, "bound"),
        ("size:1q", 5, "not a valid size"),
        ("size:1e9", 5, "not a valid size"),
        ("capture:x", 8, "not an id"),
        ("capture:..", 8, "not an id"),
        ("capture:3,,4", 8, '"" is not an id'),
        ("capture:1234567890123456789", 8, "not an id"),
        ("capture:9..1", 8, "use 1..9"),
        ("pos:x", 4, "not a position"),
        ("pos:9..1", 4, "use 1..9"),
        ("sig:vaild", 4, 'did you mean "valid"'),
        ("is:x", 3, "repeat, starred"),
        ("since:soon", 6, "not a valid time"),
        ("since:999999999w", 6, "not a valid time"),
        ("until:0001-01-01T00:00+23:59", 6, "not a valid time"),
        ("body.a:x..y", 7, "not a valid number"),
        ("body.a:>x", 7, "not a valid number"),
        ("body.a..b:x", 10, "empty part"),
        ("header:=x", 7, "name is missing"),
        ("header:a=", 7, "value is missing"),
        ("a \ud800", 2, "not a valid character"),
        ("x" * 10_001, 10_000, "10000 characters"),
        ("x " * 401, 802, "400 words"),
        ("(" * 51 + "x" + ")" * 51, 50, "nested brackets"),
    ],
)
def test_faults(text: str, column: int, message: str) -> None:
    """A fault says what is wrong and points at its place."""
    found = fault(text)
    assert found[0] == column
    assert message in found[1]


def test_a_fault_shows_its_place() -> None:
    """The caret stands below the fault, in long texts and in those with line feeds too."""
    with pytest.raises(FilterError) as caught:
        parse("type:payment\nstatsu:500", NOON)
    lines = str(caught.value).split("\n")
    assert lines[1] == "  type:payment statsu:500"
    assert lines[2].index("^") == lines[1].index("statsu")
    with pytest.raises(FilterError) as caught:
        parse("x" * 500 + " statsu:500 " + "y" * 500, NOON)
    lines = str(caught.value).split("\n")
    assert len(lines[1]) < 110
    assert lines[1][lines[2].index("^") :].startswith("statsu")


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("body:a/b", rb'{"s":"a\/b"}'),
        ("a/b", rb'{"s":"a\/b"}'),
        ("body:a/b*c/d", rb'{"s":"a\/b","t":"c\/d"}'),
        (r'body:"say \"a\""', rb'{"s":"say \"a\""}'),
        (r'body:"a\\b"', rb'{"s":"a\\b"}'),
        ('body:"a\tb"', rb'{"s":"a\tb"}'),
        ('body:"a\nb"', rb'{"s":"a\nb"}'),
        ("body:é/é", rb'{"s":"\u00e9\/\u00c9"}'),
        ('body:"a/é"', '{"s":"a\\/é"}'.encode()),
        ('body:"\U0001f600/"', rb'{"s":"\ud83d\ude00\/"}'),
    ],
)
def test_behind_each_escape(text: str, body: bytes) -> None:
    """A text is found in JSON however a library may escape it, as a key and as a bare word."""
    assert body_holds(text, body)
    assert body_holds(text.removeprefix("body:"), body)


def test_two_backslashes_are_one() -> None:
    """What follows them is no escape."""
    assert not body_holds("body:é", rb'{"s":"\\u00e9"}')
    assert body_holds(r"body:\u00e9", rb'{"s":"\\u00e9"}')
    assert not body_holds('body:"a\nb"', rb'{"s":"a\\nb"}')


@pytest.mark.parametrize(
    "text", ["http://x", "10:30", '"a:b"', '{"a":1', "a.b", "[::1]:80", '"type:payment"']
)
def test_words_with_colons(text: str) -> None:
    """URLs, times, quoted words and what is no name before the colon are plain words."""
    if text == '{"a":1':
        assert fault(text)[0] == 1
        text = r'"{\"a\":1"'
    body = text.strip('"').replace(r"\"", '"').encode()
    assert body_holds(text, body)
    assert not body_holds(text, b"other")


@pytest.mark.parametrize(
    ("text", "type", "expected"),
    [
        ("type:payment", "payment", True),
        ("type:payment", "payment.updated", True),
        ("type:Payment.Updated", "payment.updated", True),
        ("type:payment", "payment_intent.created", False),
        ("type:payment*", "payment_intent.created", True),
        ("type:*.created", "payment_intent.created", True),
        ("type:p*n*d", "payment_intent.created", True),
        ("type:ab*ba", "aba", False),
        ('type:"pay*"', "payment", False),
        ('type:"pay*"', "pay*", True),
        ("type:*", None, False),
        ("-type:*", None, True),
    ],
)
def test_types(text: str, type: str | None, expected: bool) -> None:
    """A type stands for itself and all below it; * for any text, in quotes for itself."""
    assert holds(text, event=Event(type=type, event_id="x")) is expected


def test_facts() -> None:
    """Keys on what is known of a capture ask for just that."""
    assert holds(f"event:{EVENT_ID.upper()} customer:C0FFEE*")
    assert holds("sig:valid", signature=Signature.VALID)
    assert not holds("sig:valid")
    assert holds("shape:not-json", shape=Shape.NOT_JSON)
    assert holds("method:post -method:get")
    assert holds("path:/webhooks/* path:/webhooks/lean", target="/webhooks/lean?x=/y")
    assert not holds("path:/webhooks", target="/webhooks/lean")
    assert holds("answer:5xx answer:500", answer=Answer(status=500))
    assert holds("capture:7 capture:1,5..9 capture:7.. capture:..7,3", id=7)
    assert not holds("capture:1..6 OR capture:8.. OR capture:3,5,9", id=7)
    assert holds("pos:4711 pos:1,4700..4800 pos:4711..", id=7, position=4711)
    assert not holds("pos:..4710 OR pos:7 OR pos:4712..", id=7, position=4711)
    assert not holds("pos:0..", id=7)
    assert holds("size:0 size:..1k", body=b"")
    sizes = "size:1k size:1KiB size:1024 size:>=1024 size:0.5k..1M size:1.024kB -size:>1k"
    assert holds(sizes, body=b"x" * 1024)
    assert holds(
        "is:tls is:sample is:repeat is:starred", tls={}, origin=Origin.SAMPLE, repeat_of=1, starred=True
    )
    assert not holds("is:tls OR is:sample OR is:repeat OR is:starred OR is:forwarded OR is:replayed")


@pytest.mark.parametrize("client", ["10.0.0.7:5000", "[10.0.0.7]:1"])
def test_clients(client: str) -> None:
    """A client is found by address, with or without its port."""
    assert holds("client:10.0.0.* client:10.0.0.7", client=client)
    assert not holds("client:10.0.0", client=client)
    assert holds("client:::1 client:[::1]:80", client="[::1]:80")


def test_client_certificates() -> None:
    """The subject and its names, and the verdict by its word or OpenSSL's, are looked for as text."""
    tls = {
        "verdict": "expired",
        "words": "certificate has expired",
        "certificate": {"subject": "CN=hooks,O=Müller", "san": ["DNS:hooks.example.com"]},
    }
    assert holds("tls.subject:cn=HOOKS tls.verdict:expired tls.subject:hooks*com", tls=tls)
    assert holds('tls.subject:müller tls.verdict:"has expired"', tls=tls)
    assert not holds("tls.verdict:trusted OR tls.subject:other", tls=tls)
    assert not holds("tls.verdict:* OR tls.subject:*")
    assert not holds("tls.subject:*", tls={"verdict": "no-certificate", "certificate": None})
    assert arrival_fault(parse("tls.verdict:trusted tls.subject:x", NOON)) is None


def test_deliveries() -> None:
    """Verdict, status and state ask whether any delivery's last attempt is such; negated, that none is."""
    deliveries = (
        a_delivery(1, verdict="retry", status=500),
        a_delivery(2, kind="replay", status=200, state="parked"),
    )
    assert holds("verdict:retry verdict:delivered status:5xx status:200 state:parked", deliveries=deliveries)
    assert holds("is:forwarded is:replayed status:>=500 status:..200", deliveries=deliveries)
    assert not holds("-status:5xx", deliveries=deliveries)
    assert holds("-verdict:retry -status:..999")
    queued = (a_delivery(1, state="queued", verdict=None, attempts=0, status=None),)
    assert not holds("is:forwarded", deliveries=queued)


def test_headers() -> None:
    """A header is asked for by name, or by name and whole value, in any case, * allowed."""
    headers = (("Content-Type", "application/json; charset=utf-8"), ("X-A", "b=c d"), ("x-a", "Ã©"))
    assert holds("header:content-type header:x-*", headers=headers)
    assert holds("header:content-type=application/json*", headers=headers)
    assert not holds("header:content-type=application/json", headers=headers)
    assert holds('header:x-a="b=c d" header:"x-a=b=c d"', headers=headers)
    assert holds("header:X-A=É", headers=headers)
    assert not holds('header:"x-*"', headers=headers)


def test_text() -> None:
    """Text is found in any case and script, through JSON's escapes, in bytes that are no text."""
    assert body_holds("body:payment", b"\xff PAYMENT \x00")
    assert body_holds("body:STRASSE", "straße")
    assert body_holds("body:محمد", '{"name":"محمد"}')
    assert body_holds("body:محمد", r'{"name":"\u0645\u062d\u0645\u062f"}')
    assert body_holds("body:😀", r'"\ud83d\ude00"')
    assert body_holds("body:a*c", b"xaxbxcx")
    assert not body_holds("body:c*a", b"xaxbxcx")
    assert not body_holds('body:"a*c"', b"abc")
    assert holds("lean", body=b"") is True
    assert holds("é", target="/Ã\x89", body=b"")
    assert holds("localhost", body=b"")
    assert not holds("elsewhere")


@pytest.mark.parametrize(
    ("value", "found", "missed"),
    [
        (
            "100",
            ["100", "100.00", "1e2", "1E+2", '"100"'],
            ["100.01", '"100.00"', '"1e2"', "true", "null", "[]"],
        ),
        ("100..", ["100", "1e400", '"100.5"', "1" + "0" * 5000], ["99.99999999999999999999", '"x"', "false"]),
        (">100", ["100.00000000000000000000001"], ["100.000", "1e2"]),
        ("<=0.3", ["0.3", "0.30", "-1e400", "-0"], ["0.30000000000000000000000000001"]),
        ("12345678901234567890.123456789", ["12345678901234567890.123456789"], ["1.2345678901234567e19"]),
        ("true", ["true", '"TRUE"'], ["1", '"t"']),
        ("null", ["null"], ["0", '""', "{}"]),
        ("*", ["null", "{}", "[]", "0", '""', "1e99999999999999999999"], []),
        ("1e99999999999999999", ["1e99999999999999999"], ["1e9999999999999999"]),
        ('"100"', ['"100"'], ["100"]),
        ("fail*", ['"FAILED"', '["x", ["Failed"]]'], ['"x"', '{"a":"failed"}']),
        ("x", ['["x"]', '[[1, ["X"]]]'], ['{"x":1}', '["y"]']),
    ],
)
def test_json_values(value: str, found: list[str], missed: list[str]) -> None:
    """Numbers compare exactly as decimals, texts as texts, and of an array any element counts."""
    for text in found:
        assert body_holds(f"body.payload.v:{value}", f'{{"payload":{{"v":{text}}}}}'), text
    for text in missed:
        assert not body_holds(f"body.payload.v:{value}", f'{{"payload":{{"v":{text}}}}}'), text


def test_json_paths() -> None:
    """Of a repeated key the last counts, keys fold case, arrays on the way are gone through."""
    assert body_holds("body.a:2 -body.a:1", '{"a":1,"a":2}')
    assert not body_holds("body.a.b:1", '{"a":{"b":1},"a":{}}')
    assert body_holds("body.A.B:x", '{"a":[{"b":"y"},[{"B":"x"}]]}')
    assert body_holds("body.a:1", '{"\\u0061":1}')
    assert body_holds("body.é:1", '{"É":1}')
    assert body_holds("body.a:1", '[{"a":1}]')
    assert not body_holds("body.a:1", '{"x":{"a":1}}')


def test_lean_ids() -> None:
    """An id is found as the event_id, or as any string value of the body, and not as a part or a key."""
    assert holds(f"id:{EVENT_ID}", body=b"") is False
    assert holds(f"id:{EVENT_ID}", body=b"", event=Event(event_id=EVENT_ID.upper()))
    assert body_holds("id:abc", '{"a":[{"b":"ABC"}]}')
    assert body_holds("id:abc", r'["\u0061bc"]')
    assert body_holds("id:ab*", '["abc"]')
    assert not body_holds("id:abc", '{"abc":1, "x":"abcd", "y":"xabc"}')
    assert not body_holds("id:abc", "abc")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b"\xff",
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1',
        b"\x00",
        b'{"a":1}\x00',
        "{}".encode("utf-16"),
    ],
)
def test_hostile_bodies_have_no_json_values(body: bytes) -> None:
    """What is no JSON, or nested beyond reading, matches no JSON key and raises nothing."""
    for text in ("body.a:*", "body.a:1..", "id:1", "body.a:x"):
        assert not body_holds(text, body)
    body_holds("body:a b", body)


def test_lone_surrogates_and_long_numbers_are_read() -> None:
    """JSON that others refuse, a lone surrogate or a number of 5,000 digits, is still looked into."""
    assert body_holds("body.a:1", r'{"a":1,"b":"\ud800"}')
    assert body_holds("body.a:1", f'{{"a":1,"b":{"9" * 5000}}}')


@pytest.mark.parametrize(
    ("text", "now", "edge"),
    [
        ("since:2h", NOON, NOON - timedelta(hours=2)),
        ("since:1.5d", NOON, NOON - timedelta(hours=36)),
        ("since:2026-11-20", NOON, NOON.replace(hour=0)),
        ("since:2026-11-20", NOON.astimezone(DUBAI), datetime(2026, 11, 19, 20, tzinfo=UTC)),
        ("since:2026-11-20T08:15", NOON, NOON.replace(hour=8, minute=15)),
        ("since:2026-11-20T08:15Z", NOON.astimezone(DUBAI), NOON.replace(hour=8, minute=15)),
        ("since:8:15", NOON, NOON.replace(hour=8, minute=15)),
        ("since:08:15:30", NOON, NOON.replace(hour=8, minute=15, second=30)),
    ],
)
def test_since(text: str, now: datetime, edge: datetime) -> None:
    """Times count from now, have now's offset unless they have their own, and the moment itself counts."""
    filter = parse(text, now)
    assert filter.matches(a_capture(received_at=edge))
    assert not filter.matches(a_capture(received_at=edge - timedelta(microseconds=1)))


def test_until() -> None:
    """Until a date means to the end of that day, until a time to that moment."""
    assert holds("until:2026-11-20", received_at=datetime(2026, 11, 20, 23, 59, 59, 999_999, tzinfo=UTC))
    assert not holds("until:2026-11-20", received_at=datetime(2026, 11, 21, tzinfo=UTC))
    assert not holds("until:2026-11-20T00:00", received_at=NOON)
    assert holds("until:1h", received_at=NOON - timedelta(hours=1))


def test_on_arrival() -> None:
    """Only keys known when a capture arrives can decide then; the fault names the one that is not."""
    for text in (
        "",
        "type:payment sig:valid -body.payload.x:1 since:2h until:1h is:tls is:sample answer:500",
    ):
        assert arrival_fault(parse(text, NOON)) is None
    for text in (
        "shape:drift",
        "verdict:retry",
        "status:5xx",
        "state:parked",
        "is:starred",
        "is:forwarded",
        "is:repeat",
        "pos:4711",
    ):
        found = arrival_fault(parse(f"a OR -(b {text})", NOON))
        assert found is not None
        assert text.partition(":")[0] in found


def test_help_has_every_operator() -> None:
    """The help table has each operator, and each of its examples is a filter."""
    assert {operator.example for operator in OPERATORS} <= {example for example, _ in HELP}
    for example, meaning in HELP:
        assert meaning
        if "  " not in example:
            parse(example, NOON)
    for operator in OPERATORS:
        assert str(parse(operator.example, NOON))


@pytest.mark.slow
@given(strategies.filters, strategies.captures())
@settings(max_examples=200, deadline=None)
def test_filters_in_words(text: str, capture: Capture) -> None:
    """Each filter has words for what it asks, and asking changes nothing."""
    filter = parse(text, NOON)
    assert str(filter)
    assert filter.matches(capture) is filter.matches(capture)
    assert parse(f"-({text})", NOON).matches(capture) is not filter.matches(capture)


@given(
    st.binary(max_size=200), st.sampled_from(["body.a:1..", "id:a", "a*b", "body:é", "header:x", "body.a:*"])
)
@settings(max_examples=200, deadline=None)
def test_no_body_raises(body: bytes, text: str) -> None:
    """Whatever bytes a body has, a filter gives an answer."""
    assert body_holds(text, body) in (True, False)


def test_patterns_do_not_run_away() -> None:
    """A pattern of many stars takes one pass over a text."""
    body = b"a" * 1_000_000
    assert not body_holds("body:" + "a*" * 100 + "b", body)
    assert not holds("type:" + "a*" * 100 + "b", event=Event(type="a" * 200))
