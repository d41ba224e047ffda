"""What the tabs say of a capture, in words, without a screen."""

from __future__ import annotations

import gzip
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.config import SecretSource, Settings
from relay.lean.signature import sign
from relay.models import Answer, Attempt, Capture, Event, Origin, Shape, Signature, Source
from relay.store.read.reader import Reader
from relay.text.safe import visible
from tests.support.factories import BODY, NOON, a_capture, a_delivery, insert_all, insert_attempt, new_log
from tui.gateway import capture_details
from tui.keyboard.keymap import USUAL
from tui.presenters.about import about
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Hint, Lines, Note
from tui.presenters.client import client
from tui.presenters.deliveries import deliveries as deliveries_tab
from tui.presenters.exchange import facts, remarks, responses, summary
from tui.presenters.headers import headers
from tui.presenters.shape import body_notes, shape
from tui.presenters.signature import signature

SECRET = b"whsec_of_a_test"
SIGNED = (("Host", "x"), ("lean-signature", sign(BODY, SECRET)))


def detail(
    folder: Path,
    captures: list[Capture],
    number: int | None = None,
    attempts: tuple[Attempt, ...] = (),
    *,
    secret: bool = True,
) -> CaptureDetail:
    """A capture of a log with these, the last where none is named."""
    db = folder / "relay.db"
    log = new_log(db)
    insert_all(log, captures)
    for attempt in attempts:
        insert_attempt(log, attempt)
    log.close()
    file = folder / "secret"
    file.write_bytes(SECRET)
    file.chmod(0o600)
    sources = (SecretSource(name="default", file=file, where="test"),) if secret else ()
    with Reader(db) as reader:
        found = capture_details.detail(reader, Settings(db=db, secrets=sources), number or captures[-1].id)
    assert found is not None
    return found


def said(blocks: Any) -> str:
    return "\n".join(map(_said, blocks))


def _said(block: Block) -> str:
    match block:
        case Fact(name, value):
            return f"{name}: {value}"
        case Hint(key, text):
            return f"{USUAL.written(key)} {text}"
        case Heading(text) | Note(text):
            return text
        case Lines(lines):
            return "\n".join("".join(text for text, _ in line) for line in lines)


def an_attempt(**changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "id": 1,
        "delivery_id": 1,
        "capture_id": 1,
        "target": "http://localhost:3000",
        "kind": "live",
        "number": 1,
        "started_at": NOON,
        "elapsed_ms": 5.0,
        "outcome": "answered",
        "status": 401,
        "verdict": "retry",
    }
    return Attempt(**(values | changes))


def waiting() -> tuple[Any, ...]:
    return (a_delivery(1, attempts=0, verdict=None, status=None),)


def test_each_difference_with_what_was_expected(tmp_path: Path) -> None:
    """A drift is told place by place: path, expected, what came, warning or note."""
    body = BODY.replace(b"100.50", b'"100.50"').replace(b'"AED"', b'"dirham"')
    found = detail(tmp_path, [a_capture(1, body=body, shape=Shape.DRIFT, shape_version="1")])
    text = said(shape(found))
    assert '≠ warning: payload.amount\nexpected: number\nreceived: string "100.50"' in text
    assert "· note: payload.currency" in text
    assert text.index("payload.amount") < text.index("payload.currency")
    notes = body_notes(found)
    assert notes["payload.amount"] == 'warning: number is documented; got string "100.50"'


@pytest.mark.parametrize(
    ("type_", "shape_", "says"),
    [
        ("payment.updated", Shape.DOCUMENTED, "✓ documented"),
        ("bank.availability.new", Shape.DOCUMENTED, "≈ as expected, undocumented"),
        ("bank.availability.new", Shape.DRIFT, "≠ drift, undocumented"),
        ("no.such", Shape.UNKNOWN, "? unknown"),
    ],
)
def test_undocumented_is_never_called_documented(
    tmp_path: Path, type_: str, shape_: Shape, says: str
) -> None:
    """The tabs say one thing of a type that Lean does not document: in its shape and in *About*."""
    found = detail(tmp_path, [a_capture(1, event=Event(type=type_), shape=shape_)])
    assert says in [text for text, _ in facts(replace(found, analysis=None), 200)]
    assert ("Lean documents this type." in said(about(found))) is (type_ == "payment.updated")


def test_stored_shape_that_is_no_longer_so(tmp_path: Path) -> None:
    """Where the log judged otherwise, that is said with what mends it."""
    found = detail(tmp_path, [a_capture(1, shape=Shape.UNKNOWN, shape_version="0")])
    assert "The database has unknown with version 0; `lean-relay shapes recheck 1`" in said(shape(found))


def test_wrong_signature_is_explained(tmp_path: Path) -> None:
    """The likeliest cause stands in a sentence, and what to do in another."""
    bad = (("lean-signature", sign(BODY, SECRET).replace("sha512=", "sha512:")),)
    found = detail(tmp_path, [a_capture(1, headers=bad, signature=Signature.MALFORMED)])
    text = said(signature(found))
    assert "apart from that it is correct for default." in text
    assert "What to do: find out what writes or rewrites the header" in text
    assert SECRET.decode() not in text


def test_signature_that_is_valid_by_now(tmp_path: Path) -> None:
    """A secret that was set later makes it valid, and the command that writes so is named."""
    found = detail(tmp_path, [a_capture(1, headers=SIGNED)])
    assert "Valid with the current secrets; `lean-relay verify 1 --save`" in said(signature(found))


def test_secrets_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing secret file is said, and nothing is called wrong for it."""
    found = detail(tmp_path, [a_capture(1)])
    (tmp_path / "secret").unlink()
    source = SecretSource(name="default", file=tmp_path / "secret", where="test")
    with Reader(tmp_path / "relay.db") as reader:
        again = capture_details.analysis(reader, Settings(db=tmp_path / "relay.db", secrets=(source,)), found)
    assert again is not None
    text = said(signature(replace(found, analysis=again)))
    assert "Could not read the secrets" in text
    assert "Why:" not in text


def test_an_event_that_was_imported(tmp_path: Path) -> None:
    """Where it came from is said, and that there is no signature to check, instead of a missing one."""
    source = Source(name="page.json", form="events-api")
    found = detail(tmp_path, [a_capture(1, origin=Origin.IMPORTED, source=source)])
    assert "it is from a page of Lean's Events API" in said(signature(found))
    text = said(about(found))
    assert "Imported from a file, not received here." in text
    assert "imported from: page.json" in text
    there = Source(name="api2.leantech.me", form="events-api")
    fetched = detail(tmp_path, [a_capture(2, origin=Origin.EVENTS_API, source=there)], 2)
    assert "fetched from: api2.leantech.me" in said(about(fetched))


def test_a_bundle_s_secret_checks_what_came_with_it(tmp_path: Path) -> None:
    """Its own captures are valid by its name; another capture is not."""
    source = Source(name="shared.ndjson", id=3, bundle="bundle:shared")
    theirs = a_capture(1, headers=SIGNED, origin=Origin.IMPORTED, source=source)
    found = detail(tmp_path, [theirs, a_capture(2, headers=SIGNED)], 1, secret=False)
    with closing(new_log(tmp_path / "relay.db")) as log:
        log.execute("INSERT INTO facts VALUES ('bundle:shared', ?)", (SECRET.decode(),))
    with Reader(tmp_path / "relay.db") as reader:
        settings = Settings(db=tmp_path / "relay.db")
        again = capture_details.analysis(reader, settings, found)
        other = capture_details.detail(reader, settings, 2)
    assert again is not None
    assert again.is_valid_now
    assert other is not None
    assert other.analysis is not None
    assert not other.analysis.is_valid_now


def test_what_reached_the_backends(tmp_path: Path) -> None:
    """Of each attempt whether the sent bytes verify, and of a refusal what would explain it."""
    edited = an_attempt(id=2, number=2, sent_body=b"{}", status=200)
    capture = a_capture(1, headers=SIGNED, signature=Signature.VALID, deliveries=waiting())
    text = said(signature(detail(tmp_path, [capture], attempts=(an_attempt(), edited))))
    assert "to http://localhost:3000\nattempt 1, 401: ✓ as received, valid by default" in text
    assert "The 401 would be explained if" in text
    assert "check the raw body" in text
    assert "edited, invalid: it does not verify, because the body was changed and not signed again" in text


def test_which_try_it_is(tmp_path: Path) -> None:
    """A retry tells which of Lean's tries it is by the clock, and what the earlier ones were answered."""
    failed = a_delivery(1, status=500, verdict="retry")
    captures = [
        a_capture(1, deliveries=(failed,)),
        a_capture(2, received_at=NOON + timedelta(seconds=61), repeat_of=1),
    ]
    text = said(about(detail(tmp_path, captures)))
    assert "2 captures of this event; this one: attempt 2 of 7, 1 min after the first" in text
    assert "500 retry" in text
    assert "ALARM" not in text


def test_other_bytes_are_an_alarm(tmp_path: Path) -> None:
    """The same event with another body is an alarm that names what differs, digits kept."""
    other = a_capture(2, repeat_of=1, body=BODY.replace(b"100.50", b"100.5"), event=a_capture().event)
    text = said(about(detail(tmp_path, [a_capture(1), other])))
    assert "ALARM: other bytes than 1" in text
    assert "body payload.amount: 100.50 in 1, 100.5 here" in text


def test_other_bytes_of_any_length(tmp_path: Path) -> None:
    """A value that is megabytes long is cut where it is said to differ."""
    body = BODY.replace(b'"AED"', b'"%s"' % (b"x" * 10_000))
    other = a_capture(2, repeat_of=1, body=body, event=a_capture().event)
    (fact,) = (
        each
        for each in about(detail(tmp_path, [a_capture(1), other]))
        if isinstance(each, Fact) and each.name == "body payload.currency"
    )
    assert fact.value.startswith('"AED" in 1, "xxx')
    assert len(fact.value) < 600
    assert "(10,002 characters)" in fact.value


def test_a_header_that_another_program_wrote(tmp_path: Path) -> None:
    """A signature with characters that no request can have is shown, and wrong."""
    headers = (("lean-signature", "sha512=\u2603"),)
    found = detail(tmp_path, [a_capture(1, headers=headers, signature=Signature.MALFORMED)])
    assert "lean-signature: sha512=\u2603" in said(signature(found))


def test_a_backend_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it ever took a webhook is a look through all attempts, so not for each of this one's."""
    looked: list[str] = []

    def has_taken(reader: Reader, target: str) -> bool:
        looked.append(target)
        return False

    monkeypatch.setattr(Reader, "has_taken", has_taken)
    attempts = tuple(an_attempt(id=number, number=number) for number in range(1, 6))
    capture = a_capture(1, headers=SIGNED, signature=Signature.VALID, deliveries=waiting())
    found = detail(tmp_path, [capture], attempts=attempts)
    assert found.analysis is not None
    assert len(found.analysis.verified) == 5
    assert looked == ["http://localhost:3000"]


def test_a_response_with_two_codings(tmp_path: Path) -> None:
    """Each may have a header line of its own."""
    headers = (("Content-Encoding", "br"), ("Content-Encoding", "gzip"))
    answer = an_attempt(headers=headers, body=gzip.compress(b"{}"), body_size=22)
    text = said(deliveries_tab(detail(tmp_path, [a_capture(1, deliveries=waiting())], attempts=(answer,))))
    assert "encoded more than once: only gzip was decoded, br is left" in text


def test_of_many_replays_the_newest(tmp_path: Path) -> None:
    """A capture that was replayed again and again shows the last replays, and the number of the others."""
    deliveries = tuple(
        a_delivery(number, kind="replay", target=f"http://x/{number}") for number in range(1, 81)
    )
    found = detail(tmp_path, [a_capture(1, deliveries=(a_delivery(81), *deliveries))])
    text = said(deliveries_tab(found))
    assert "31 earlier deliveries are left out" in text
    assert text.index("replay to http://x/80") < text.index("replay to http://x/79")
    assert "".join(word for word, _ in summary(found)) == "81 attempts · live ✓ 200 · replay ✓ 200"


def test_the_newest_attempt_is_on_top(tmp_path: Path) -> None:
    """In *Deliveries* a replay is above the live delivery, and a body above the headers of its response."""
    live = an_attempt(status=500, headers=(("Server", "dev"),), body=b'{"error":"locked"}', body_size=18)
    replay = an_attempt(id=2, delivery_id=2, kind="replay", status=200, verdict="delivered", headers=())
    capture = a_capture(1, deliveries=(a_delivery(1, attempts=0), a_delivery(2, attempts=0, kind="replay")))
    text = said(deliveries_tab(detail(tmp_path, [capture], attempts=(live, replay))))
    places = [text.index(part) for part in ("replay to", "✓ 200", "live to", "✗ 500", '"locked"', "Server")]
    assert places == sorted(places)
    assert text.count("500") == 1


def test_a_wait_is_said_once(tmp_path: Path) -> None:
    """A delivery that waits for a target that is down says so in one word."""
    waiting = a_delivery(
        1,
        state="queued",
        attempts=0,
        verdict=None,
        status=None,
        outcome=None,
        reason="waits: connection refused",
    )
    text = said(deliveries_tab(detail(tmp_path, [a_capture(1, deliveries=(waiting,))])))
    assert text == "live to http://localhost:3000\n… Waiting: connection refused."


def test_a_replay_does_not_hide_the_live_response(tmp_path: Path) -> None:
    """The newest response comes first, the live one after it; the line of facts has the live one."""
    failed = a_delivery(1, status=500, verdict="retry", attempts=0, elapsed_ms=3.0)
    capture = a_capture(1, deliveries=(failed, a_delivery(2, kind="replay", attempts=0)))
    live = an_attempt(status=500, headers=(), body=b"locked")
    replay = an_attempt(id=2, delivery_id=2, kind="replay", status=200, verdict="delivered", headers=())
    found = detail(tmp_path, [capture], attempts=(live, replay))
    text = said(responses(found))
    assert text.index("✓ 200 in 5 ms, replay") < text.index("✗ 500 in 5 ms, live") < text.index("locked")
    assert "".join(word for word, _ in summary(found)) == "2 attempts · live ✗ 500 · replay ✓ 200"
    assert facts(found, 200)[-2:] == [("✗ 500", "bad"), (" in 5 ms: Lean would retry", "plain")]


def test_facts_in_any_width(tmp_path: Path) -> None:
    """Where the line of facts does not fit, its words get shorter from the left, and none is lost."""
    body = BODY.replace(b"100.50", b'"100.50"')
    found = detail(tmp_path, [a_capture(1, body=body, deliveries=(a_delivery(1),), signed_by="default",
                                        signature=Signature.VALID)])  # fmt: skip
    lines = ["".join(text for text, _ in facts(found, width)) for width in (200, 70, 50, 10)]
    assert lines[0].startswith("✓ valid by default   ≠ drift: 1 warning   ")
    assert lines[0].endswith("✓ 200 in 42 ms: Lean would count this as delivered")
    assert lines[-1] == f"✓ valid   ≠ 1 warning   {len(body)} B   ✓ 200 in 42 ms"


def test_remarks_of_the_exchange(tmp_path: Path) -> None:
    """Other bytes, an answer on purpose and a note are said above the body, one line each."""
    other = a_capture(
        2, repeat_of=1, body=BODY.replace(b"100.50", b"100.5"), event=a_capture().event, note="look",
        answer=Answer(status=500, on_purpose="--respond 500"),
    )  # fmt: skip
    found = detail(tmp_path, [a_capture(1), other])
    lines = ["".join(text for text, _ in line) for line in remarks(found)]
    assert [line[:9] for line in lines] == ["✗ ALARM: ", "! The rel", "✎ look"]


def test_tls_facts(tmp_path: Path) -> None:
    """Who called stands as `show` has it: encryption, verdict, and the certificate."""
    tls = {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "sni": "relay.example.com",
        "verdict": "expired",
        "words": "certificate has expired",
        "authenticated": False,
        "certificate": {"subject": "CN=lean", "issuer": "CN=ca", "san": ["DNS:lean"], "sha256": "ab"},
    }
    text = said(client(detail(tmp_path, [a_capture(1, tls=tls)])))
    assert "tls: TLSv1.3, TLS_AES_256_GCM_SHA384, to relay.example.com" in text
    assert "caller: ○ not authenticated: expired (certificate has expired)" in text
    assert "subject: CN=lean" in text


@pytest.mark.parametrize("tab", [about, responses, headers, deliveries_tab, shape, signature, client])
def test_hostile_text_is_made_safe(tmp_path: Path, tab: Any) -> None:
    """Whatever a caller, a backend or a certificate wrote, no tab hands on a character that acts."""
    bad = "\x1b]0;x\x07\u202e[@click=app.quit]"
    raw = bad.encode("utf-8").decode("latin-1")
    body = f'{{"type":"payment.updated{bad[6:]}","payload":{{"{bad[6:]}":1}}}}'.encode()
    capture = a_capture(
        1,
        headers=((raw, raw), ("lean-signature", raw)),
        target=raw,
        client=bad,
        note=bad,
        body=body,
        signature=Signature.MALFORMED,
        tls={"version": bad, "verdict": bad, "words": bad, "certificate": {"subject": bad}},
        deliveries=(a_delivery(1, target=bad, attempts=0, verdict=None, status=None),),
    )
    answer = an_attempt(
        target=bad, error=bad, address=bad, headers=((raw, raw),), body=bad.encode(), verdict_reason=bad
    )
    text = said(tab(detail(tmp_path, [capture], attempts=(answer,))))
    assert visible(text.replace("\n", " ")) == text.replace("\n", " ")
