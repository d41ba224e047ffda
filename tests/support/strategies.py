"""Generated captures and filters, drawn from few values so that they meet."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import strategies as st

from relay.models import Answer, Capture, Comparison, Delivery, Event, Origin, Shape, Signature
from tests.support.factories import EVENT_ID, NOON, a_capture

WORDS = (
    "payment",
    "Payment.created",
    "payments",
    "é",
    "É",
    "ß",
    "SS",
    "K",
    "k\x00",
    "a*b",
    "100.0",
    "1e2",
    "x y",
    "\\u0061",
    '"',
)
"""Kelvin's sign folds to k, ß to ss: what SQL's own comparison does not know."""

text = st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=4))
latin1 = st.one_of(
    st.sampled_from(("/", "/é", "Ã©", "a?b", "payment", "SS", "ß", "")),
    st.text(st.characters(max_codepoint=255), max_size=4),
)

numbers = st.sampled_from(
    ("0", "-0", "100", "100.00", "1e2", "99.999999999999999999", "1e400", "1E-7", "5e99999999999999999999")
)
scalars = st.one_of(
    numbers,
    text.map(json.dumps),
    text.map(lambda value: json.dumps(value, ensure_ascii=False)),
    st.sampled_from(("true", "null", '"\\ud800"', f'"{EVENT_ID}"')),
)
keys = st.sampled_from(('"a"', '"A"', '"b"', '"type"', '"\\u0061"', '"é"'))
json_texts = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(keys, inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
        ),
    ),
    max_leaves=6,
)
bodies = st.one_of(
    json_texts.map(lambda value: value.encode("utf-8", "surrogatepass")),
    st.binary(max_size=8),
    text.map(str.encode),
    st.sampled_from((b"", b"\xef\xbb\xbf{}", b"[" * 3000, b'{"a":"\xff"}', b"9" * 5000, b'{"a":NaN}')),
)

SPELLINGS: dict[str, tuple[str, ...]] = {
    "k": ("k", "K", "\u212a", "\\u006b", "\\u006B", "\\u212a"),
    "s": ("s", "S", "\u017f", "\\u017f"),
    "ss": ("ss", "\xdf", "s\u017f"),
    "ff": ("ff", "\ufb00", "Ff"),
    "i\u0307": ("i\u0307", "\u0130"),
    "\u02bcn": ("\u02bcn", "\u0149"),
    "/": ("/", "\\/"),
    '"': ('"', '\\"'),
    "\\": ("\\\\", "\\"),
    "\n": ("\n", "\\n", "\\u000a"),
    "\0": ("\0", "\\u0000"),
    "\u0645": ("\u0645", "\\u0645", "\\u064"),
    "\xe9": ("\xe9", "\xc9", "\\u00e9"),
    "%": ("%", "x"),
    "_": ("_", "x"),
    "1e+2": ("1e2", "1E2", "1e+2"),
    "true": ("true", "TRUE"),
}
"""Texts as they are looked for, and how they may be written: folded, escaped, or otherwise."""

NOISE = (*[b""] * 30, b"x", b"\xff", b"\xd9", b"\x85", b"\xc0\x80", b"\0", b"\\ud800", b"\\", b'"')

AROUND = (
    b"%s",
    b'{"a":"%s"}',
    b'{"%s":"k","a":["%s"]}',
    b'{"a":%s,"b":"\\n"}',
    b"\0%s",
    b"\xff%s",
    b"%s\x85",
)
"""Bodies around such a text."""

_noise = st.sampled_from(NOISE)


@st.composite
def looked_for(draw: st.DrawFn) -> tuple[list[bytes], str]:
    """Bodies, and a text in quotes that is often in them in some form."""
    texts = draw(st.lists(st.sampled_from(tuple(SPELLINGS)), min_size=1, max_size=3))
    bodies = []
    for _ in range(draw(st.integers(1, 4))):
        spelled = b"".join(
            draw(st.sampled_from(SPELLINGS[text])).encode() + draw(_noise)
            for text in draw(st.just(texts) | st.lists(st.sampled_from(tuple(SPELLINGS)), max_size=3))
        )
        around = draw(st.sampled_from(AROUND))
        bodies.append(around.replace(b"%s", spelled))
    return bodies, "".join(texts).replace("\\", "\\\\").replace('"', '\\"')


TYPES = ("payment.created", "payment_intent.expired", "bank.availability.new", "transaction.account")
"""One that is documented, one whose payload is not, one that is not, one whose payload is in part."""

maybe_text = st.none() | text
deliveries = st.builds(
    Delivery,
    id=st.just(0),
    target=st.just("http://localhost:3000"),
    kind=st.sampled_from(("live", "replay")),
    state=st.sampled_from(("queued", "sending", "ended", "parked")),
    verdict=st.sampled_from((None, "delivered", "retry")),
    attempts=st.integers(1, 3),
    outcome=st.just("answered"),
    status=st.sampled_from((None, 200, 404, 500, 503)),
    elapsed_ms=st.just(1.0),
) | st.builds(
    Delivery,
    id=st.just(0),
    target=st.just("http://localhost:3000"),
    kind=st.sampled_from(("live", "replay")),
    state=st.sampled_from(("queued", "parked")),
)


tls_facts: st.SearchStrategy[dict[str, object] | None] = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "verdict": text | st.sampled_from((None, 5, "expired")),
        "words": text | st.sampled_from((None, [], "certificate has expired")),
        "certificate": st.sampled_from((None, "x", []))
        | st.fixed_dictionaries(
            {},
            optional={
                "subject": text | st.none(),
                "san": st.none() | st.lists(text | st.integers(), max_size=2),
            },
        ),
    },
)
"""As the relay writes them, and as another program might."""


@st.composite
def captures(draw: st.DrawFn) -> Capture:
    """A capture without ids: `numbered` gives them."""
    event = Event(
        type=draw(maybe_text | st.sampled_from(TYPES)),
        event_id=draw(maybe_text),
        customer_id=draw(maybe_text),
    )
    return a_capture(
        received_at=NOON - timedelta(minutes=draw(st.integers(0, 200))),
        method=draw(st.sampled_from(("POST", "GET", "post"))),
        target=draw(latin1),
        headers=tuple(draw(st.lists(st.tuples(latin1, latin1), max_size=2))),
        body=draw(bodies),
        client=draw(st.sampled_from(("127.0.0.1:1", "10.0.0.7:50000", "[::1]:443", "", "x"))),
        tls=draw(tls_facts),
        answer=Answer(status=draw(st.sampled_from((200, 500, 503)))),
        origin=draw(st.sampled_from(Origin)),
        event=None if event == Event() else event,
        signature=draw(st.sampled_from(Signature)),
        signed_by=draw(maybe_text),
        app_token=draw(st.none() | st.sampled_from(Comparison)),
        sender=draw(st.none() | st.sampled_from(Comparison)),
        repeat_of=draw(st.sampled_from((None, 1))),
        shape=draw(st.none() | st.sampled_from(Shape)),
        position=draw(st.none() | st.integers(1, 9)),
        starred=draw(st.booleans()),
        note=draw(maybe_text.map(lambda value: None if value is None or "\0" in value else value)),
        deliveries=tuple(draw(st.lists(deliveries, max_size=2))),
    )


def _written(value: str) -> str:
    """A value in quotes, so that it may hold anything."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


values = st.one_of(
    text.filter(bool).map(_written),
    st.sampled_from(("payment", "PAYMENT*", "*", "k", "ss", "s*s", "a", "*é", "1*", "true", EVENT_ID)),
)
spans = st.sampled_from(
    ("100", "100..", "..100", "99..101", ">100", "<1e400", ">=0", "<=0", "200", "0..", "1e2")
)
statuses = st.sampled_from(("5xx", "200", "404..", "..499", ">200", "<=500"))

words = st.one_of(
    values,
    st.tuples(
        st.sampled_from(
            (
                "type:",
                "event:",
                "customer:",
                "id:",
                "method:",
                "path:",
                "header:",
                "body:",
                "client:",
                "signed:",
                "tls.subject:",
                "tls.verdict:",
            )
        ),
        values,
    ).map("".join),
    st.tuples(latin1.filter(lambda name: bool(name) and name.isalnum()), values).map(
        lambda p: f"header:{p[0]}={p[1]}"
    ),
    st.tuples(st.sampled_from(("body.a", "body.A.b", "body.type", "body.b.a", "body.é")), values | spans).map(
        ":".join
    ),
    st.tuples(st.sampled_from(("size", "body.a")), spans)
    .map(":".join)
    .filter(lambda w: "1e" not in w or w[0] == "b"),
    st.tuples(st.sampled_from(("status", "answer")), statuses).map(":".join),
    st.sampled_from(Signature).map(lambda word: f"sig:{word}"),
    st.tuples(
        st.sampled_from(("capture", "pos")),
        st.lists(st.sampled_from(("1", "2", "3", "0..1", "2..", "..1", "5..9")), min_size=1, max_size=3),
    ).map(lambda p: f"{p[0]}:{','.join(p[1])}"),
    st.sampled_from(Shape).map(lambda word: f"shape:{word}"),
    st.sampled_from(Origin).map(lambda word: f"origin:{word}"),
    st.sampled_from(Comparison).map(lambda word: f"token:{word}"),
    st.sampled_from(Comparison).map(lambda word: f"sender:{word}"),
    st.sampled_from(
        (
            "verdict:retry",
            "verdict:delivered",
            "state:parked",
            "state:ended",
            "since:30m",
            "until:1h",
            "is:repeat",
            "is:starred",
            "is:forwarded",
            "is:replayed",
            "is:tls",
            "tls.verdict:expired",
            "is:sample",
            "is:backfilled",
            "is:imported",
            "is:undocumented",
            "client:10.0.0.*",
            "client:::1",
            "path:/*",
        )
    ),
)

filters = st.recursive(
    words,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        inner.map(lambda part: f"-({part})"),
        inner.map(lambda part: f"not:({part})"),
    ),
    max_leaves=5,
)
"""Texts that are filters."""
