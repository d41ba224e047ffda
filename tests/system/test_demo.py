"""`make demo` tells its story, ends by itself or early, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import psutil
import pytest

from tests.support.program import ROOT
from tests.support.waiting import wait_until
from tests.test_lock import locked


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that finds what `make run` installs and none of the test tools: links to the same files."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in (*locked("run"), "lean-relay"):
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # Another platform's.
        for top in {
            file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")
        }:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(found.locate_file(top))))
    missing = subprocess.run(
        [folder / "bin" / "python", "-c", "import pytest"], capture_output=True, text=True
    )
    assert "No module named 'pytest'" in missing.stderr
    return folder / "bin" / "python"


@contextmanager
def the_demo(python: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The demo with its temporary folder in `folder` and what it says in `folder/said`."""
    with open(folder / "said", "wb") as said:
        process = subprocess.Popen(
            [python, "-m", "tests.demo", "--quick"],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def test_to_its_end(python: Path, tmp_path: Path) -> None:
    """It ends by itself; the backend failed, hung up, was away and came back, and got everything."""
    with the_demo(python, tmp_path) as process:
        assert process.wait(60) == 0, (tmp_path / "said").read_text()
    said = (tmp_path / "said").read_text()
    assert "payment.created valid -> 500 in " in said
    assert "Lean would try again in 1 min" in said
    assert "the backend closed the connection without a response" in said
    assert "is down: nothing listens on port" in said
    assert "; 3 wait" in said
    assert "is back; " in said
    assert "queued 2 deliveries" in said
    assert "8 captures, each answered 200 and kept; 10 deliveries" in said
    assert '"status": "FAILED"' in said
    assert "signature  valid" in said
    assert "Traceback" not in said
    assert list(tmp_path.glob("lean-relay-demo-*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_ended_early(python: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, `kill` and a closed terminal end it, with each process that it started and its folder."""
    with the_demo(python, tmp_path) as process:
        wait_until(lambda: "listening on" in (tmp_path / "said").read_text(), "the relay", 20)
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.send_signal(number)
        assert process.wait(20) == 130
    wait_until(lambda: not any(child.is_running() for child in started), "its processes to end")
    assert list(tmp_path.glob("lean-relay-demo-*")) == []
    assert "Traceback" not in (tmp_path / "said").read_text()
