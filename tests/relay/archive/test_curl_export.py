"""Each line of a curl export, run by a real shell, sends the captured bytes; and each can be imported."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from relay.archive.exporting import Export, Format
from relay.models import Capture
from relay.models.imports import ImportedCapture
from relay.text.export import FRAMING
from tests.relay.archive.test_exporting import as_sent
from tests.relay.archive.test_reading import read
from tests.support.backends import Backend, answers, backend
from tests.support.curled import CURLED, assert_sent
from tests.support.factories import NOON, a_capture

pytestmark = pytest.mark.slow


@pytest.fixture
def recorder() -> Iterator[Backend]:
    with backend(answers()) as there:
        yield there


def script(captures: list[Capture], url: str) -> bytes:
    export = Export(Format.CURL, at=NOON, reveal=True, url=url)
    return b"".join(export.data(None, captures))  # type: ignore[arg-type]  # reads no attempts


def run(shell: str, text: bytes, folder: Path) -> None:
    """Run a script in an empty folder, which it leaves empty."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "http_proxy": ""}
    done = subprocess.run([shell], input=text, cwd=folder, env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_sends_the_captured_bytes(recorder: Backend, tmp_path: Path, shell: str) -> None:
    """A whole export is a script, also with bodies too long for an argument, and runs nothing but curl."""
    captures = [replace(each, id=number) for number, each in enumerate(CURLED, 1)]
    captures.append(a_capture(99, body=bytes(range(256)) * 4096))
    run(shell, script(captures, recorder.url), tmp_path / "empty")
    assert len(recorder.requests) == len(captures)
    for request, capture in zip(recorder.requests, captures, strict=True):
        assert_sent(request, capture)


odd = st.sampled_from("'\"$`\\!%&;|<>()[]{}*?~#@\x80\xff\xe9 aZ0=")
words = st.text(odd, min_size=1, max_size=12).map(str.strip).filter(bool)
hostile = st.builds(
    a_capture,
    method=st.sampled_from(("POST", "PUT", "X-ODD!")),
    target=st.text(st.sampled_from("/'\"$`\\!%&;|<>()[]{}*?~#@\x80aZ0=."), max_size=12).map("/".__add__),
    headers=st.lists(
        st.tuples(st.sampled_from(("X", "x-Y", "Content-Type", "Accept", "User-Agent", "a'b`c|~!")), words),
        max_size=4,
        unique_by=lambda pair: pair[0].lower(),
    ).map(tuple),
    body=st.binary(max_size=30)
    | st.text(st.sampled_from("'\"$`\\!%\n\t\r\0\x1b\u202eé aZ0@=&"), max_size=30).map(str.encode),
)


@given_settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(hostile, min_size=1, max_size=12), st.sampled_from(("sh", "bash")))
def test_hostile_captures(recorder: Backend, tmp_path: Path, captures: list[Capture], shell: str) -> None:
    """Quotes, expansions, globs, control characters and bytes of any kind change nothing."""
    recorder.requests.clear()
    run(shell, script(captures, recorder.url), tmp_path / "empty")
    for request, capture in zip(recorder.requests, captures, strict=True):
        assert_sent(request, capture)


def without_framing(capture: Capture) -> Capture:
    headers = tuple(pair for pair in capture.headers if pair[0].lower() not in FRAMING)
    return replace(capture, headers=headers, target=capture.target.removeprefix("http://other.example"))


@given_settings(max_examples=100)
@given(st.lists(hostile | st.sampled_from(CURLED), max_size=5))
def test_an_import_reads_them(captures: list[Capture]) -> None:
    """The commands are read without a shell to the same requests, but for what curl writes itself."""
    found = [
        item for item in read(script(captures, "http://127.0.0.1:1")) if isinstance(item, ImportedCapture)
    ]
    assert [as_sent(each) for each in found] == [as_sent(without_framing(each)) for each in captures]
