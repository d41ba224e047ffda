"""Targets as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from relay.text.targets import names_a_path, target_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (":3000", "http://localhost:3000/"),
        (":3000/hook", "http://localhost:3000/hook"),
        ("localhost:3000", "http://localhost:3000/"),
        ("localhost:3000/hook", "http://localhost:3000/hook"),
        ("localhost:3000?a=b", "http://localhost:3000/?a=b"),
        ("127.0.0.1:8080/a/../b//c;d", "http://127.0.0.1:8080/a/../b//c;d"),
        ("[::1]:3000/hook", "http://[::1]:3000/hook"),
        ("my-host.local:8080", "http://my-host.local:8080/"),
        ("http://localhost", "http://localhost/"),
        ("https://example.com/a%2Fb%zz?x=%20y&z", "https://example.com/a%2Fb%zz?x=%20y&z"),
        ("https://example.com:8443/hook", "https://example.com:8443/hook"),
        ("https://example.com/ü", "https://example.com/%C3%BC"),
    ],
)
def test_targets(text: str, url: str) -> None:
    """A port, host and port, or a whole URL; path and query stay as written."""
    assert target_url(text) == url
    assert str(URL(url, encoded=True)) == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "use :3000"),
        ("3000", r"did you mean :3000\?"),
        ("47300/hook", r"did you mean :47300/hook\?"),
        ("example.com/hook", r"did you mean https://example\.com/hook\?"),
        (":0", "port 0"),
        (":65536", "up to 65535"),
        (":x", "not a number"),
        ("localhost:", "use :3000"),
        ("ftp://localhost/", "starts with http:// or https://"),
        ("http://", "and a host"),
        ("http://:3000", "and a host"),
        ("http://a b/", "a space"),
        (":3000/a b", "a space"),
        (":3000/\n", "a control character"),
        (":3000/#top", "never sent"),
        ("http://me:hush@localhost/", "user name or password"),
        ("me:hush@localhost:80", "user name or password"),
        ("http://me:hush@localhost:x/", "user name or password"),
        ("http://me:hush@[::1", "user name or password"),
        ("http://[::1", "not a valid target"),
    ],
)
def test_no_targets(text: str, words: str) -> None:
    """Anything else is an error that says what to write."""
    with pytest.raises(ValueError, match=words) as caught:
        target_url(text)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "names_one"),
    [
        (":3000", False),
        ("localhost:3000", False),
        ("http://localhost:3000", False),
        ("https://[::1]:3000", False),
        (":3000?", False),
        (":3000/", True),
        ("http://localhost/", True),
        (":3000/hook", True),
        ("localhost:3000?a=b", True),
    ],
)
def test_a_path_is_told_from_none(text: str, names_one: bool) -> None:
    """A slash is a path; host and port alone are none."""
    assert names_a_path(text) is names_one


@given(st.text(max_size=30), st.sampled_from(["", "http://", ":", "localhost:30", "http://["]))
@settings(deadline=None, max_examples=150)
def test_any_text_is_a_url_or_an_error(text: str, head: str) -> None:
    """No text breaks the reading, and what comes out is one printable URL."""
    try:
        url = target_url(head + text)
    except ValueError:
        return
    assert url.startswith(("http://", "https://"))
    assert url.isprintable()
    assert " " not in url
