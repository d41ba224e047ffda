import sqlite3
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count, zip_longest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.filters import FilterError, parse
from relay.filters.columns import Is
from relay.models import Answer, Capture, Comparison, Event, Origin, Shape, Signature
from relay.store.read.reader import Reader
from relay.store.read.search import FIRST_WINDOW, search
from tests.support import strategies
from tests.support.factories import EVENT_ID, NOON, a_capture, a_delivery, insert, insert_all, new_log

FEW = settings(max_examples=150, deadline=None)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("search") / "relay.db"


@pytest.fixture(scope="module")
def log(path: Path) -> Iterator[sqlite3.Connection]:
    connection = new_log(path)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA foreign_keys = ON")
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def reader(path: Path, log: sqlite3.Connection) -> Iterator[Reader]:
    with Reader(path) as reader:
        yield reader


@pytest.fixture(autouse=True)
def _empty(log: sqlite3.Connection) -> None:
    log.execute("DELETE FROM captures")


def found(reader: Reader, text: str, **how: object) -> list[int]:
    windows = search(reader, parse(text, NOON), gap_s=0.0, **how)  # type: ignore[arg-type] # its own keywords
    return [number for ids in windows for number in ids]


def stored(log: sqlite3.Connection, captures: list[Capture]) -> list[Capture]:
    """Numbered, stored, and given back as they are in the log."""
    deliveries = count(1)
    numbered = [
        replace(
            capture,
            id=number,
            position=capture.position and 2 * number + capture.position // 5,  # as no two have the same
            deliveries=tuple(replace(delivery, id=next(deliveries)) for delivery in capture.deliveries),
        )
        for number, capture in enumerate(captures, 1)
    ]
    log.execute("DELETE FROM captures")
    insert_all(log, numbered)
    return numbered


@pytest.mark.slow
@given(
    captures=st.lists(strategies.captures(), min_size=1, max_size=6),
    texts=st.lists(strategies.filters, min_size=1, max_size=4),
)
@FEW
def test_sql_is_the_predicate(
    log: sqlite3.Connection, reader: Reader, captures: list[Capture], texts: list[str]
) -> None:
    """A search finds exactly the captures that the filter's predicate says yes to."""
    numbered = stored(log, captures)
    assert reader.captures(range(1, len(numbered) + 1)) == numbered
    for text in texts:
        filter = parse(text, NOON)
        expected = [capture.id for capture in numbered if filter.matches(capture)]
        assert found(reader, text, newest_first=False) == expected


def agrees(log: sqlite3.Connection, reader: Reader, bodies: list[bytes], needle: str) -> None:
    """A text is found by SQL where the predicate finds it, whether captures are marked as plain or not."""
    captures = [a_capture(body=body) for body in bodies]
    for body in bodies:
        latin, text = body[-9:-1].decode("latin-1"), body[1:9].decode("utf-8", "replace")
        headers = ((latin, "v"), ("n", latin))
        captures.append(a_capture(target=latin, headers=headers, event=Event(event_id=text)))
    numbered = stored(log, captures)
    for key in ("body:", "", "id:", "body.a:", "body.k:", "header:", "header:n=", "path:", "event:"):
        for text in (f'{key}"{needle}"', f"{key}{needle}*", f"{key}*{needle}*"):
            try:
                filter = parse(text, NOON)
            except FilterError:
                continue
            expected = [capture.id for capture in numbered if filter.matches(capture)]
            assert found(reader, text, newest_first=False) == expected, text
    log.execute("UPDATE captures SET plain = NULL")
    expected = [capture.id for capture in numbered if parse(f'"{needle}"', NOON).matches(capture)]
    assert found(reader, f'"{needle}"', newest_first=False) == expected


@pytest.mark.slow
@given(strategies.looked_for())
@settings(max_examples=200, deadline=None)
def test_a_look_at_the_bytes_loses_nothing(
    log: sqlite3.Connection, reader: Reader, looked_for: tuple[list[bytes], str]
) -> None:
    """Whatever is in bodies, headers and targets, and whatever is looked for: SQL finds what Python finds."""
    agrees(log, reader, *looked_for)


@pytest.mark.parametrize("text", strategies.SPELLINGS)
@pytest.mark.parametrize("around", ["%s", "k%ss"])
def test_each_way_to_write_a_text_is_found(
    log: sqlite3.Connection, reader: Reader, text: str, around: str
) -> None:
    """Folded, escaped or beside what SQL cannot read: as text, in JSON, in a header and in a target."""
    spelled = [around.replace("%s", each).encode() for each in strategies.SPELLINGS[text]]
    bodies = [form.replace(b"%s", each) for form in strategies.AROUND for each in spelled]
    needle = around.replace("%s", text).replace("\\", "\\\\").replace('"', '\\"')
    agrees(log, reader, bodies, needle)


IDS = ("k1", "K1", "\u212a1", "ff00", "FF00", "\ufb0000", "fF00x", "", "a\0b", "\xe9", "f", "ff", "0")


@pytest.mark.parametrize("upto", [0, 1, 7, len(IDS)])
def test_an_event_is_found_through_its_index(log: sqlite3.Connection, reader: Reader, upto: int) -> None:
    """However the index writes an event_id, and as far as it goes, an event's captures are all found."""
    numbered = stored(log, [a_capture(event=Event(event_id=text)) for text in IDS])
    log.executemany(
        "INSERT INTO events VALUES (?, ?)", [(text, number) for number, text in enumerate(IDS[:upto], 1)]
    )
    log.execute("INSERT OR REPLACE INTO marks VALUES ('events_upto', ?)", (upto,))
    try:
        for wanted in ("k1", "ff00", "f", "ff", "0", '"a\0b"', "\xe9", "none"):
            for text in (
                f"event:{wanted}",
                f"event:{wanted} -event:K1",
                f"event:{wanted} OR event:{wanted.upper()} OR event:0",
                f"event:{wanted} OR path:/x",
                f"-event:{wanted}",
            ):
                filter = parse(text, NOON)
                expected = [capture.id for capture in numbered if filter.matches(capture)]
                assert found(reader, text, newest_first=False) == expected, text
                assert found(reader, text) == expected[::-1], text
                assert found(reader, text, after=2, before=6) == [i for i in expected[::-1] if 2 < i < 6]
    finally:
        log.execute("DELETE FROM events")
        log.execute("DELETE FROM marks")


def test_only_what_the_index_leads_to_is_looked_at(log: sqlite3.Connection, reader: Reader) -> None:
    """A filter that names an event takes one step up to where the index goes, and windows from there on."""
    insert_all(log, (a_capture(number) for number in range(1, FIRST_WINDOW * 2)))
    log.execute("INSERT INTO events SELECT event_id, id FROM captures")
    log.execute("INSERT INTO marks SELECT 'events_upto', max(id) - 1 FROM captures")
    try:
        log.execute("DELETE FROM events WHERE capture_id > 3")  # What is not looked at cannot be found.
        assert found(reader, f"event:{EVENT_ID.upper()}") == [2 * FIRST_WINDOW - 1, 3, 2, 1]
    finally:
        log.execute("DELETE FROM events")
        log.execute("DELETE FROM marks")


def every_kind() -> list[Capture]:
    """One capture of each kind that a key can tell apart."""
    texts = [None, "", *strategies.WORDS, "payment.x", "PAYMENT.", "k.x", "\xe9.x", "a\0b", "A\0C"]
    captures = [
        a_capture(event=Event(type=t, event_id=t, customer_id=t) if t is not None else None) for t in texts
    ]
    captures += [a_capture(method=text) for text in texts if text]
    captures += [a_capture(target=text) for text in ("/", "/payment?k", "\xc3\xa9", "\xe9", "/%", "a*b")]
    captures += [
        a_capture(headers=((text, "k"), ("k", text)))
        for text in ("payment", "\xc3\xa9", "\xe9", '"', "\\u006b")
    ]
    captures += [a_capture(client=text) for text in ("127.0.0.1:1", "10.0.0.7:5", "[::1]:443", "k", "")]
    captures += [a_capture(shape=shape) for shape in (None, *Shape)]
    captures += [a_capture(signature=signature) for signature in Signature]
    captures += [a_capture(answer=Answer(status=status)) for status in (200, 404, 500, 599, 600)]
    captures += [a_capture(body=b"x" * size) for size in (0, 1, 99, 100, 101)]
    captures += [a_capture(repeat_of=1), a_capture(tls={})]
    captures += [a_capture(origin=origin) for origin in Origin]
    captures += [a_capture(signed_by=text) for text in texts]
    captures += [a_capture(app_token=word) for word in Comparison] + [a_capture(sender=w) for w in Comparison]
    captures += [a_capture(event=Event(type=type_)) for type_ in strategies.TYPES]
    captures += [a_capture(starred=True), a_capture(note="x"), a_capture(starred=True, note="x")]
    captures += [
        a_capture(received_at=NOON - timedelta(hours=1) + timedelta(microseconds=n)) for n in (-1, 0, 1)
    ]
    captures += [
        a_capture(deliveries=(replace(one, kind=kind),))
        for kind in ("live", "replay")
        for one in (
            a_delivery(),
            a_delivery(attempts=3, status=500, verdict="retry"),
            a_delivery(attempts=2, status=None, verdict=None, error="refused"),
            a_delivery(state="queued", attempts=0, status=None, verdict=None, elapsed_ms=None),
            a_delivery(state="parked", attempts=0, status=None, verdict=None, elapsed_ms=None),
            a_delivery(state="sending", attempts=0, status=None, verdict=None, elapsed_ms=None),
        )
    ]
    captures += [a_capture(body=body) for body in BODIES]
    return captures


BODIES = (
    b'{"a":100}',
    b'{"a":"100.0"}',
    b'{"a":1e2,"a":1}',
    b'[{"A":99.999999999999999999}]',
    b'{"\\u0061":"k"}',
    b'{"a":[[{"b":true}]]}',
    b'"k"',
    b'["\xe2\x84\xaa"]',
    b'{"k":1}',
    b'{"a":"k\xff"}',
    b"\xe2\x84\xaa",
    b"\\u006b",
    b"[" * 3000,
)


def test_each_key_finds_what_its_predicate_says(log: sqlite3.Connection, reader: Reader) -> None:
    """Each key, asked for each kind of capture, plainly and negated, says the same in SQL as in Python."""
    numbered = stored(log, every_kind())
    patterns = ["payment", "k", "ss", "*", "p*", "*k*", "\xe9", '"a*b"', "payment.", '"k\0"', '"a\0b"', "x*"]
    keys = (
        "type",
        "event",
        "customer",
        "signed",
        "id",
        "method",
        "path",
        "header",
        "body",
        "client",
        "body.a",
        "header:k=",
        "",
    )
    texts = [
        f"{key}:{pattern}".replace("=:", "=") if key else pattern for key in keys for pattern in patterns
    ]
    texts += [
        f"{key}:{span}"
        for key in ("size", "body.a")
        for span in ("100", "100..", "..100", ">100", "<100", "99..101")
    ]
    texts += [
        f"{key}:{span}"
        for key in ("status", "answer")
        for span in ("5xx", "200", "404..", "..500", ">500", "<500")
    ]
    texts += [f"sig:{word}" for word in Signature] + [f"shape:{word}" for word in Shape]
    texts += [f"state:{word}" for word in ("queued", "sending", "ended", "parked")]
    texts += [f"is:{word}" for word in Is.words] + [f"origin:{word}" for word in Origin]
    texts += [f"{key}:{word}" for key in ("token", "sender") for word in Comparison]
    texts += [
        "verdict:retry",
        "verdict:delivered",
        "since:1h",
        "until:1h",
        "path:/*",
        "client:10.0.0.*",
        "client:::1",
    ]
    for text in texts:
        filter = parse(text, NOON)
        expected = [capture.id for capture in numbered if filter.matches(capture)]
        assert found(reader, text, newest_first=False) == expected, text
        others = [capture.id for capture in numbered if capture.id not in expected]
        assert found(reader, f"-({text})", newest_first=False) == others, text


@pytest.mark.slow
@given(
    st.text(st.characters(), max_size=30)
    | st.lists(
        st.sampled_from(
            [
                "type:",
                "body:",
                "'",
                '"',
                ";",
                "--",
                "OR",
                "(",
                ")",
                "x",
                " ",
                "1",
                "..",
                "*",
                "%",
                "_",
                "\0",
                "'; DROP TABLE captures; --",
                "header:",
                "=",
                "body.a:",
                "status:",
                "size:",
                ">",
                "-",
                "not:",
                "99999999999999999999",
                "since:",
                "id:",
                "\ud800",
            ]
        ),
        max_size=8,
    ).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_filter_or_a_fault(log: sqlite3.Connection, reader: Reader, text: str) -> None:
    """Whatever is written gives ids or a FilterError, and the log stays what it was."""
    if reader.newest_id() == 0:
        insert(log, a_capture(deliveries=(a_delivery(),)))
    with suppress(FilterError):
        found(reader, text)
    assert reader.newest_id() == 1


def test_an_origin_that_is_none_of_ours_is_read_as_received(log: sqlite3.Connection, reader: Reader) -> None:
    """Another program may have written it: SQL finds what the capture read back says."""
    insert_all(log, [a_capture(1), a_capture(2, origin=Origin.IMPORTED)])
    log.execute("UPDATE captures SET origin = 'from-elsewhere' WHERE id = 1")
    assert [capture.origin for capture in reader.captures([1, 2])] == ["received", "imported"]
    assert found(reader, "origin:received") == [1]
    assert found(reader, "-origin:received") == found(reader, "is:imported") == [2]


def test_many_words_fit_into_sql(log: sqlite3.Connection, reader: Reader) -> None:
    """The most words and the deepest brackets that a filter may have are within SQLite's limits."""
    insert(log, a_capture())
    assert found(reader, " OR ".join(["type:nothing", "zzz"] * 199 + ["sig:unchecked", "a"])) == [1]
    assert found(reader, " ".join(["-zzz"] * 399)) == [1]
    assert found(reader, "(" * 49 + " ".join(["-zzz"] * 400) + ")" * 49) == [1]
    assert found(reader, "-(" * 24 + "type:payment " * 300 + ")" * 24) == [1]


def test_windows_and_bounds(log: sqlite3.Connection, reader: Reader) -> None:
    """All windows are searched, in either order, within the bounds asked for, gaps in the ids included."""
    ids = [1, 2, *range(FIRST_WINDOW - 5, 3 * FIRST_WINDOW + 10, 7), 20_000]
    insert_all(log, (a_capture(number, body=b"x") for number in ids))
    assert found(reader, "x") == ids[::-1]
    assert found(reader, "", newest_first=False) == ids
    assert found(reader, "", after=2, before=20_000, newest_first=False) == ids[2:-1]
    assert found(reader, "", after=20_000) == []
    assert found(reader, "", before=1) == []
    sizes = [len(window) for window in search(reader, parse("-x", NOON), gap_s=0.0)]
    assert 2 < len(sizes) < 10
    assert not any(sizes)


def test_no_snapshot_between_windows(log: sqlite3.Connection, reader: Reader) -> None:
    """Between two windows the writer's log can be cut."""
    insert_all(log, (a_capture(number) for number in range(1, FIRST_WINDOW + 10)))
    windows = search(reader, parse("payment", NOON))
    next(windows)
    log.execute("PRAGMA busy_timeout = 0")
    assert log.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    assert sum(map(len, windows)) == 9


def test_searches_beside_each_other(log: sqlite3.Connection, reader: Reader) -> None:
    """Two searches that take turns on one reader do not disturb each other, also when one ends first."""
    insert_all(log, (a_capture(number, body=b"odd" if number % 2 else b"even") for number in range(1, 5000)))
    odd = search(reader, parse("body:odd", NOON), gap_s=0.0)
    even = search(reader, parse("body:even", NOON), after=4000, gap_s=0.0)
    # Sizes of windows, and so their number, depend on how busy the machine is.
    both: list[int] = []
    for first, second in zip_longest(odd, even, fillvalue=()):
        both += (*first, *second)
    assert sorted(both) == sorted([*range(1, 5000, 2), *range(4002, 5000, 2)])


def test_interrupt_ends_a_search(log: sqlite3.Connection, reader: Reader) -> None:
    """Interrupted between windows or within one, a search ends early and the reader goes on serving."""
    insert_all(log, (a_capture(number) for number in range(1, FIRST_WINDOW + 10)))
    windows = search(reader, parse("payment", NOON))
    next(windows)
    reader.interrupt()
    assert list(windows) == []
    for after_s in (0.0, 0.001, 0.003, 0.02):
        timer = threading.Timer(after_s, reader.interrupt)
        timer.start()
        while timer.is_alive():
            list(search(reader, parse("nowhere", NOON), gap_s=0.0))
    assert len(found(reader, "payment")) == FIRST_WINDOW + 9


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("type:payment", True),
        ("type:PAYMENT.updated", True),
        ("type:pay", False),
        ("type:pay*", True),
        (f"event:{EVENT_ID.upper()}", True),
        ("id:5b1f0f0e-7c55-4c0a-9a3e-2f4f6f0a1d01", True),
        ("body.payload.amount:100.5", True),
        ("status:2xx verdict:delivered is:forwarded", True),
        ("is:replayed OR state:queued", False),
        ("-customer:*", False),
    ],
)
def test_examples(log: sqlite3.Connection, reader: Reader, text: str, matches: bool) -> None:
    """What the README's table promises holds for a payment that was delivered."""
    insert(log, a_capture(deliveries=(a_delivery(),)))
    assert found(reader, text) == ([1] if matches else [])


@pytest.mark.parametrize("text", ["body:x", "type:x", "not:body:x"])
def test_a_search_dropped_after_its_reader_was_closed_ends_quietly(
    path: Path, log: sqlite3.Connection, text: str
) -> None:
    """A screen that leaves in the middle of one closes the reader first, the garbage collector the search."""
    insert_all(log, [a_capture(id=number) for number in (1, 2)])
    with Reader(path) as reader:
        windows = search(reader, parse(text, NOON))
        assert isinstance(windows, Generator)
        next(windows)
    windows.close()
