"""`web`: the real screen in a page, and no process, file or secret left of it."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from aiohttp import ClientSession, WSMsgType
from yarl import URL

from tests.support.factories import a_capture, insert_all, new_log
from tests.support.program import RELAY, Process, environment, lean_relay_here, working_folder
from tests.support.terminal import plain
from tests.support.waiting import wait_until

BODY = b'{"type": "payment.created", "payload": {"amount": 100.00}, "event_id": "e"}'


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A database with one webhook."""
    path = tmp_path / "relay.db"
    log = new_log(path)
    insert_all(log, [a_capture(body=BODY)])
    log.close()
    return path


@contextmanager
def web(
    folder: Path, *arguments: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The real program."""
    with Process[str](
        [sys.executable, *RELAY, "web", *arguments],
        cwd=working_folder(folder),
        env=environment(folder, **(env or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def entered(address: str) -> tuple[str, dict[str, str]]:
    """The URL of the page, and the headers with which its socket is opened."""
    with urlopen(address) as response:
        cookie = response.headers["Set-Cookie"].partition(";")[0]
        found = re.search("url=(/[^/]+/)", response.read().decode())
    assert found is not None
    origin = str(URL(address).origin())
    return f"{origin}{found[1]}", {"Cookie": cookie, "Origin": origin}


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.slow
@pytest.mark.parametrize(
    "ends",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
async def test_the_screen_is_drawn_in_the_page_and_ends_with_the_command(
    tmp_path: Path, db: Path, ends: signal.Signals
) -> None:
    """The webhook is on it, at the page's size, keys work; Ctrl-C ends all, and a kill leaves no screen."""
    with web(tmp_path, "--no-open", "--json", "--db", str(db)) as process:
        ready = json.loads(line(process))
        assert (ready["kind"], ready["pid"], ready["db"]) == ("web", process.pid, str(db))
        url, headers = entered(ready["url"])
        async with (
            ClientSession() as client,
            client.ws_connect(f"{url}socket?width=120&height=40", headers=headers) as socket,
        ):
            drawn = b""

            async def shows(text: str) -> None:
                nonlocal drawn
                while text not in plain(drawn):
                    drawn += await socket.receive_bytes(timeout=60)

            await shows("payment.created")
            (screen,) = psutil.Process(process.pid).children()
            assert ready["url"] not in " ".join(screen.cmdline())
            assert headers["Cookie"].partition("=")[2] not in str(screen.environ())
            await socket.send_json(["stdin", "?"])
            await shows("Keys")
            process.send_signal(ends)
            while (await socket.receive(timeout=60)).type is WSMsgType.BINARY:
                pass
        out, err = process.communicate(timeout=30)
    assert out == ""
    assert process.returncode == (0 if ends is not signal.SIGKILL else -signal.SIGKILL), err
    wait_until(lambda: not screen.is_running(), "the end of the screen")
    assert "Traceback" not in err
    assert "Exception" not in err


def test_the_browser_gets_a_private_file_and_no_argument_with_the_token(tmp_path: Path, db: Path) -> None:
    """What other users of the machine can see of it is the path of a file that they cannot read."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("xdg-open", "open"):
        (folder / name).write_text('#!/bin/sh\nenv > "$HOME/environment"\necho "$@" > "$HOME/arguments"\n')
        (folder / name).chmod(0o755)
    env = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "DISPLAY": ":0"}
    with web(tmp_path, "--db", str(db), env=env) as process:
        said = line(process)
        address = said.removeprefix("the screen is at ").strip()
        token = URL(address).query["token"]
        home = tmp_path / "home"
        wait_until((home / "arguments").exists, "the browser")
        wait_until((home / "arguments").read_text, "its arguments")
        (opened,) = (home / "arguments").read_text().split()
        assert token not in opened
        assert "LEAN_" not in (home / "environment").read_text()
        page = Path(URL(opened).path)
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
        assert f"url={address}" in page.read_text()
        entered(address)
        wait_until(lambda: not page.exists(), "the end of the file")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert err == "lean-relay: a browser opened the screen, so its URL is used up\n"


def test_without_a_browser(tmp_path: Path, db: Path) -> None:
    """It says so, and waits for one; the file that nobody opened is removed."""
    with web(tmp_path, "--db", str(db)) as process:
        assert line(process).startswith("the screen is at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert not list((tmp_path / "home").rglob("browser-*"))


def test_what_is_missing_or_wrong_is_said_at_once(
    tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No database, a key that there is none of, and no library, with the command that installs it here."""
    none = lean_relay_here(tmp_path, "web", "--no-open", "--db", str(tmp_path / "none.db"))
    assert (none.returncode, "no database at" in none.stderr) == (4, True)
    config = tmp_path / "keys.toml"
    config.write_text(f'db = "{db}"\n[keys]\nnonsense = "x"\n')
    wrong = lean_relay_here(tmp_path, "web", "--no-open", "--config", str(config))
    assert (wrong.returncode, "nonsense" in wrong.stderr) == (2, True)
    monkeypatch.setattr("relay.cli.web.find_spec", lambda name: None)
    bare = lean_relay_here(tmp_path, "web", "--db", str(db))
    assert bare.returncode == 2
    found = re.search(r"run (\S+) -m pip install '(textual-serve[^']+)'", bare.stderr)
    assert found is not None, bare.stderr
    assert found[1] == sys.executable
    assert found[2] in " ".join(metadata.requires("lean-relay") or ())
