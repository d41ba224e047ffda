"""Routes: which targets a capture goes on to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relay.config import Route
from relay.errors import UsageError
from relay.models import Capture
from relay.receiver.routes import Routes
from relay.text.targets import leads_to, target_name
from tests.support.factories import a_capture

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def routes(*pairs: tuple[str, str | None]) -> Routes:
    return Routes(
        [Route(to=to, when=when, where=f"forward[{at}]") for at, (to, when) in enumerate(pairs)], NOW
    )


def never() -> Capture:
    raise AssertionError("nobody has to look at the capture")


def test_without_filters_every_capture_goes_to_every_target() -> None:
    """Targets are named once, in order, and the capture is not even looked at."""
    both = routes((":3000", None), ("localhost:4000/hook", None), ("http://localhost:3000", None))
    assert both.targets == ("http://localhost:3000", "http://localhost:4000/hook")
    assert both.of(never) == both.targets
    assert routes().of(never) == ()


def test_a_filter_decides_by_capture() -> None:
    """A route with `when` takes what matches; a target of two routes gets a capture once."""
    some = routes((":3000", "method:POST"), (":3000", "method:GET"), (":4000", "method:PUT"))
    assert some.of(lambda: a_capture(method="POST")) == ("http://localhost:3000",)
    assert some.of(lambda: a_capture(method="PUT")) == ("http://localhost:4000",)
    assert some.of(lambda: a_capture(method="HEAD")) == ()


@pytest.mark.parametrize(
    ("to", "when", "says"),
    [
        ("ftp://x", None, "forward[0]"),
        (":3000", "tipe:payment", "forward[0].when"),
        (":3000", "verdict:retry", "forward[0].when"),
    ],
)
def test_a_wrong_route_names_its_place(to: str, when: str | None, says: str) -> None:
    """A target that is none, a broken filter, or one for what is known later only, is a usage error."""
    with pytest.raises(UsageError) as error:
        routes((to, when))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (":3000", "http://localhost:3000"),
        (":3000/", "http://localhost:3000/"),
        ("http://h:1/a?b", "http://h:1/a?b"),
        ("https://h", "https://h"),
    ],
)
def test_a_target_has_one_name(text: str, name: str) -> None:
    """However it is written, a target is one URL; without a path it keeps none."""
    assert target_name(text) == name


def test_the_relay_itself_is_recognised() -> None:
    """The own port on this machine is the relay, under any of its usual names; another port is not."""
    for host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0"):
        assert leads_to(f"http://{host}:5326/x", "127.0.0.1", 5326)
    assert leads_to("http://relay.test:5326", "relay.test", 5326)
    assert not leads_to("http://localhost:3000", "127.0.0.1", 5326)
    assert not leads_to("http://backend.test:5326", "127.0.0.1", 5326)
