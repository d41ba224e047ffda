"""Values as people write them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.config import values
from relay.text.units import parse_bytes, parse_duration


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (1048576, 1048576),
        ("1048576", 1048576),
        ("512k", 524288),
        ("512K", 524288),
        ("10MiB", 10 * 2**20),
        (" 10 mib ", 10 * 2**20),
        ("1.5m", 1572864),
        ("10MB", 10_000_000),
        ("2gib", 2 * 2**30),
        ("7b", 7),
        ("0", 0),
    ],
)
def test_sizes(text: object, size: int) -> None:
    """A size is bytes, or a number with a unit in 1024 or, with a B behind it, in 1000."""
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("1h30m", timedelta(minutes=90)),
        ("1h 30min", timedelta(minutes=90)),
        ("1.5s", timedelta(seconds=1.5)),
        ("250ms", timedelta(milliseconds=250)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_spans(text: str, span: timedelta) -> None:
    """A span of time is one or more numbers, each with its unit."""
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    ("value", "seconds"), [(1.5, 1.5), (2, 2.0), ("3", 3.0), ("0.25", 0.25), ("1500ms", 1.5), (0, 0)]
)
def test_delays(value: object, seconds: float) -> None:
    """A delay is seconds, or a span with its unit."""
    assert values.delay_s(value) == seconds


@pytest.mark.parametrize(("value", "seconds"), [("300", 300.0), ("5m", 300.0), (0.1, 0.1), ("24h", 86400.0)])
def test_times_to_wait(value: object, seconds: float) -> None:
    """A time to wait is seconds, or a span with its unit."""
    assert values.timeout_s(value) == seconds


@pytest.mark.parametrize(("value", "factor"), [("0.01", 0.01), (".5", 0.5), (2, 2.0), (" 1 ", 1.0)])
def test_factors(value: object, factor: float) -> None:
    """A factor is a number above 0, as a number or as text."""
    assert values.factor(value) == factor


@pytest.mark.parametrize(
    ("parse", "value", "said"),
    [
        (parse_bytes, "ten", '"ten" is not a valid size; use bytes or a unit, for example 512k or 10MiB'),
        (parse_bytes, True, "True is not a valid size"),
        (parse_bytes, -1, "-1 is not a valid size"),
        (parse_bytes, "١٠", "is not a valid size"),
        (values.body_limit, 0, "out of range"),
        (values.body_limit, "1g", "up to 512MiB"),
        (parse_duration, "30", '"30" is not a valid duration; use a number and ms, s, m, h, d or w'),
        (parse_duration, "", "not a valid duration"),
        (parse_duration, "3 weeks", "not a valid duration"),
        (parse_duration, 30, "30 is not a valid duration"),
        (parse_duration, "999999999w", "longer than a hundred years"),
        (values.keeping, "0d", 'use a minute or more, for example 30d, or "forever"'),
        (values.delay_s, -1, "use 0 to 600 seconds"),
        (values.delay_s, float("nan"), "use 0 to 600 seconds"),
        (values.delay_s, "11m", "use 0 to 600 seconds"),
        (values.delay_s, False, "False is not a valid duration"),
        (values.timeout_s, 0, "use 0.1 to 86400 seconds"),
        (values.timeout_s, float("nan"), "0.1 to 86400"),
        (values.timeout_s, "2d", "0.1 to 86400"),
        (values.factor, 0, "above 0"),
        (values.factor, "", "above 0"),
        (values.factor, True, "above 0"),
        (values.factor, float("nan"), "above 0"),
        (values.factor, "1e3", "above 0"),
        (
            lambda value: values.one_of(value, "a", "b", "c"),
            "d",
            '"d" is not one of the choices; use a, b or c',
        ),
        (values.truth, "maybe", '"maybe" is not true or false'),
        (values.truth, 1, "1 is not true or false"),
        (values.host, "http://localhost:80", "use an address or a name without scheme and port"),
        (values.host, "*", "0.0.0.0 means every address"),
        (values.host, 5, "5 is not a valid host"),
        (values.public_url, "relay.example.com/x", 'did you mean "https://relay.example.com/x"?'),
        (values.public_url, "ftp://x", "is not a complete URL"),
        (values.public_url, "https://[::1", "is not a valid URL"),
        (values.public_url, "https://x/#y", "a #"),
        (values.public_url, "https://x/\x1b[0m", "a control character"),
        (values.networks, "10.0.0.1/8", "has host bits set"),
        (values.networks, [5], "5 is not a text; use a list of addresses in quotes"),
        (values.networks, 5, "5 is not a list of addresses"),
        (values.header_names, "a b", '"a b" is not a valid header name'),
    ],
)
def test_wrong_values_say_what_to_write(parse: Callable[[object], object], value: object, said: str) -> None:
    """What is wrong is repeated, with what to write in its place."""
    with pytest.raises(ValueError) as caught:
        parse(value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://me:hunter2@example.com", "https://me:hunter2@example.com:99999", "me:hunter2@example.com"],
)
def test_a_url_with_a_password_is_refused_without_repeating_it(url: str) -> None:
    """Credentials in a URL are a secret in a setting: refused, and not shown again."""
    with pytest.raises(ValueError, match="contains a user name or password") as caught:
        values.public_url(url)
    assert "hunter2" not in str(caught.value)


def test_lists_are_lists_or_text_with_commas() -> None:
    """The environment and flags give text with commas where a file gives a list."""
    assert values.networks("203.0.113.7, 2001:db8::/32,") == (
        ip_network("203.0.113.7/32"),
        ip_network("2001:db8::/32"),
    )
    assert values.networks(["203.0.113.7"]) == values.networks(("203.0.113.7",))
    assert values.header_names("X-Api-Key, cookie") == ("x-api-key", "cookie")


def test_hosts() -> None:
    """Addresses and names are hosts; an IPv6 address may stand in brackets."""
    for text, host in (("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1%eth0")):
        assert values.host(text) == host
    assert values.host("my-machine.local") == "my-machine.local"


def test_forever_keeps_all() -> None:
    """`forever` is a value of its own, so that a flag can undo a file."""
    assert values.keeping("forever") is None
    assert values.keeping("30d") == timedelta(days=30)


anything = st.one_of(
    st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.text()), st.dictionaries(
        st.text(), st.integers()
    )
)  # fmt: skip
PARSERS: list[Callable[[object], object]] = [
    parse_bytes,
    parse_duration,
    values.keeping,
    values.delay_s,
    values.truth,
    values.host,
    values.public_url,
    values.networks,
    values.header_names,
]


@settings(deadline=None)
@given(anything)
def test_parsers_give_a_value_or_a_short_reason(value: object) -> None:
    """No value makes a parser fail in another way than with a reason of readable length."""
    for parse in PARSERS:
        assert len(fault(parse, value)) < 400


def fault(parse: Callable[[object], object], value: object) -> str:
    try:
        parse(value)
    except ValueError as error:
        return str(error)
    return ""


HASH = "c68d663e3530f98184e197ac188d8262d6da03d09ac2a360566cad2a8282ffa4"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("subject:CN=hooks,O=Lean, Inc", ["subject:CN=hooks,O=Lean, Inc"]),
        ("san:hooks.example.com, subject:CN=a", ["san:hooks.example.com", "subject:CN=a"]),
        (f"spki:{HASH.upper()}", [f"spki:{HASH}"]),
        ([f"sha256//{b64encode(bytes.fromhex(HASH)).decode()}"], [f"spki:{HASH}"]),
        (["spki:" + ":".join(HASH[at : at + 2] for at in range(0, 64, 2))], [f"spki:{HASH}"]),
    ],
)
def test_pins(given: object, expected: list[str]) -> None:
    """A subject keeps its commas; the hash of a key is read as hex, with colons, and as curl writes it."""
    assert [str(pin) for pin in values.pins(given)] == expected


@pytest.mark.parametrize("given", ["hooks.example.com", "spki:abc", "sha256//!!", "san:", "dns:x", 5])
def test_what_is_no_pin(given: object) -> None:
    """Anything else is refused with the forms that there are, or where to get one."""
    with pytest.raises(
        ValueError, match=r"is not a valid pin; use subject:|is not the hash of a key|is not a list of pins"
    ):
        values.pins(given)
