"""The command line itself: commands found, shared options, errors as words and exit codes."""

from __future__ import annotations

import builtins
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

import relay.cli
from relay.cli import COMMANDS, SUMMARIES, run, with_default_command
from relay.cli.context import Invocation, shared_options
from relay.cli.manual import drawn
from relay.docs.pages import TOPICS, page
from relay.errors import CheckFailed, NotFound, RelayError, Unreachable, UsageError
from tests.support.program import Process

Register = Callable[[str, Callable[..., Any]], None]


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Register:
    """Adds a command that exists for the length of a test."""

    def add(name: str, callback: Callable[..., Any]) -> None:
        module = ModuleType(f"command_{name}")
        command = click.command(name)(shared_options(click.pass_obj(callback)))
        setattr(module, f"{name}_command", command)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(COMMANDS, name, module.__name__)

    return add


def python(*args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, timeout=30, **options)


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_version_and_help_load_no_heavy_part(argument: str) -> None:
    """`--version` and `--help` come from an interpreter that has loaded no server, no database, no screen."""
    code = f"""
import sys
from relay.cli import run
assert run([{argument!r}]) == 0
heavy = {{"aiohttp", "sqlite_utils", "sqlite3", "textual", "rich", "asyncio", "OpenSSL", "msgspec", "uvloop"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("lean-relay 0." if argument == "--version" else "Usage: lean-relay")


def test_every_command_can_be_loaded_and_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has its module, its name, a doc string, a summary in `--help`, and help of its own."""
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    summaries = {name: summary for commands in SUMMARIES.values() for name, summary in commands.items()}
    for name, module in COMMANDS.items():
        command = getattr(import_module(module), f"{name}_command")
        assert command.name == name
        assert command.help
        assert summaries[name] in text
        assert run([name, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: lean-relay {name}")


@pytest.mark.parametrize("columns", ["50", "80"])
def test_no_table_of_the_manual_is_cut(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word that is wider than its column is broken, on a narrow terminal too."""
    monkeypatch.setenv("COLUMNS", columns)
    for topic in TOPICS:
        text = page(topic)
        assert drawn(text).count("…") == text.count("…"), topic


def test_help_of_groups_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """A group's help has the first sentence of each of its commands, whole, on a narrow terminal too."""
    for name in ("certs", "config", "shapes"):
        assert run([name, "--help"]) == 0
        commands = capsys.readouterr().out.partition("\nCommands:\n")[2]
        assert commands
        assert "..." not in commands, name


def test_no_module_hides_a_builtin() -> None:
    """Importing `relay.cli.list` would make `list` in `relay.cli` a module; so no module has such a name."""
    modules = {path.stem for path in Path(relay.cli.__file__).parent.rglob("*.py")}
    assert not modules & set(dir(builtins)) - {"__init__"}


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str], register: Register) -> None:
    """A mistyped command is wrong usage, on stderr, and the nearest one is offered."""
    register("list", lambda invocation: None)
    assert run(["lits"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "lean-relay: no command 'lits'; did you mean 'list'?"
    assert run(["frobnicate"]) == 2
    assert "`lean-relay --help` lists the commands" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ([], ["listen"]),
        (["--port", "80"], ["listen", "--port", "80"]),
        (["-p", "80"], ["listen", "-p", "80"]),
        (["--detach"], ["listen", "--detach"]),
        (["--json"], ["--json", "listen"]),
        (["--db", "x"], ["--db", "x", "listen"]),
        (["--db=x", "--port=80"], ["--db=x", "listen", "--port=80"]),
        (["--db=", "list"], ["--db=", "list"]),
        (["--db", "x", "--config", "y", "--json", "list", "-v"],) * 2,
        (["--json", "--help"],) * 2,
        (["--version"],) * 2,
        (["-h"],) * 2,
        (["list", "--port"],) * 2,
        (["--db"],) * 2,
        (["--db", "list"], ["--db", "list", "listen"]),
    ],
)
def test_without_a_command_it_is_listen(given: list[str], meant: list[str]) -> None:
    """Options alone are those of `listen`; shared ones may stand before a command."""
    assert with_default_command(given) == meant


def test_shared_options_before_and_after_the_command(register: Register) -> None:
    """`--db`, `--config` and `--json` stand before or after a command, and after wins."""
    seen: list[Invocation] = []
    register("look", seen.append)
    for line in (
        "--db a --config c --json look",
        "look --db a --config c --json",
        "--db z --config c look --json --db a",
        "--db=a --config=c --json look",
    ):
        assert run(line.split()) == 0
    assert seen == [Invocation(db=Path("a"), config=Path("c"), json=True)] * 4
    assert run(["look"]) == 0
    assert seen[-1] == Invocation()


def test_listen_is_run_when_no_command_is_named(register: Register) -> None:
    """`lean-relay --db x` runs `listen` on x."""
    seen: list[Invocation] = []
    register("listen", seen.append)
    assert run(["--db", "x"]) == 0
    assert seen == [Invocation(db=Path("x"))]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RelayError("the port is held", word="port-taken"), 1, "lean-relay: [port-taken] the port is held"),
        (UsageError("no"), 2, "lean-relay: no"),
        (CheckFailed("no"), 3, "lean-relay: no"),
        (NotFound("no"), 4, "lean-relay: no"),
        (Unreachable("no"), 5, "lean-relay: no"),
        (PermissionError(13, "Permission denied", "/x"), 1, "lean-relay: [system] Permission denied: /x"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (click.ClickException("no"), 1, "lean-relay: no"),
        (click.UsageError("no"), 2, "Usage: lean-relay fail [OPTIONS]\nlean-relay: no"),
        (RelayError("two\nlines \x1b[31m\u202e"), 1, "lean-relay: two\nlines ␛[31m<U+202E>"),
    ],
)
def test_errors_are_words_on_stderr_and_an_exit_code(
    error: BaseException, code: int, said: str, register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each class of error has its exit code; its words go to stderr, made safe, and stdout stays empty."""

    def fail(invocation: Invocation) -> None:
        raise error

    register("fail", fail)
    assert run(["fail"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (f"{said}\n" if said else "")


def test_a_fault_of_ours_is_said_to_be_one_and_shown_safely(
    register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception nobody foresaw is exit code 1 with the word `bug`, and its traceback is made safe."""

    def fail(invocation: Invocation) -> None:
        raise LookupError("\x1b]0;owned\x07")

    register("fail", fail)
    assert run(["fail"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("lean-relay: [bug] internal error of lean-relay, please report it\nTraceback")
    assert "␛]0;owned␇" in err
    assert "\x1b" not in err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UsageError("wrong"), {"word": "usage", "message": "wrong", "exit": 2}),
        (UsageError("wrong", word="own"), {"word": "own", "message": "wrong", "exit": 2}),
        (NotFound("none"), {"word": "not-found", "message": "none", "exit": 4}),
        (CheckFailed("no", word="shape"), {"word": "shape", "message": "no", "exit": 3}),
        (Unreachable("away"), {"word": "unreachable", "message": "away", "exit": 5}),
        (RelayError("failed"), {"word": "failed", "message": "failed", "exit": 1}),
        (OSError(28, "No space left", "/x"), {"word": "system", "message": "No space left: /x", "exit": 1}),
        (click.BadParameter("bad"), {"word": "usage", "message": "Invalid value: bad", "exit": 2}),
    ],
)
def test_with_json_an_error_is_a_line_too(
    error: Exception, line: dict[str, Any], register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    """Besides its words on stderr; --json before or after the command, and without it stdout is empty."""

    def fails(_: Invocation) -> None:
        raise error

    register("fails", fails)
    for words in (["fails", "--json"], ["--json", "fails"]):
        assert run(words) == line["exit"]
        said = capsys.readouterr()
        assert json.loads(said.out) == {"kind": "error", **line}
        assert line["message"] in said.err
    assert run(["fails"]) == line["exit"]
    assert capsys.readouterr().out == ""


def test_json_that_is_the_value_of_an_option_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`note 1 -m --json` has a text and no --json."""
    assert run(["note", "1", "-m", "--json", "--db", str(tmp_path / "none.db")]) == 4
    assert capsys.readouterr().out == ""


def test_what_a_command_returns_is_its_exit_code(register: Register) -> None:
    """A command may give its exit code itself."""
    register("three", lambda invocation: 3)
    assert run(["three"]) == 3


def test_wrong_options_are_quoted_safely(register: Register, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown option or argument is exit code 2, and cannot reach the terminal raw."""
    register("look", lambda invocation: None)
    for line in (["look", "--\x1b[31m"], ["look", "\x9bm"], ["\x1b[0m"], ["look", "--db"]):
        assert run(line) == 2
        err = capsys.readouterr().err
        assert "lean-relay: " in err
        assert not {"\x1b", "\x9b"} & set(err)


def test_wrong_settings_are_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], register: Register
) -> None:
    """A fault in a settings file is exit code 2 and names the file and the key."""
    (tmp_path / "lean-relay.toml").write_text('"po\\u001brt" = 1\nport = "x"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    register("look", lambda invocation: invocation.settings())
    assert run(["look"]) == 2
    err = capsys.readouterr().err
    assert 'lean-relay.toml: port: "x" is not a valid port' in err
    assert "po␛rt: no such setting" in err


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`lean-relay ... | head -1` ends quietly with exit code 0 when the reader has what it wants."""
    code = "import sys; from relay.cli import run; sys.exit(run(['config', 'show']))"
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=write_end, stderr=subprocess.PIPE, timeout=30, cwd=tmp_path
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_standard_streams_that_are_closed(tmp_path: Path, closed: str) -> None:
    """They are as /dev/null: no traceback, and no file or connection gets their number."""
    code = """
import os, sys
from relay.cli import main
sys.argv = ["lean-relay", "config", "show", "--json"]
try:
    main()
except SystemExit as ended:
    null = os.stat(os.devnull)
    free = [each for each in range(3) if os.path.samestat(os.fstat(each), null)]
    open("ended", "w").write(f"{ended.code} {free}")
"""
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path)},
        timeout=30,
    )
    named = [number for number, word in enumerate(("<&-", ">&-", "2>&-")) if word in closed.split()]
    assert (tmp_path / "ended").read_text() == f"0 {named}", done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "arguments", ["--version --json", "config show --json", "help", "list --db x --json"]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written(tmp_path: Path, arguments: str, unbuffered: str) -> None:
    """A full disk is an error with its words, once, and no traceback."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "relay", *arguments.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "PYTHONUNBUFFERED": unbuffered},
            timeout=30,
        )
    assert done.returncode == (4 if arguments.startswith("list") else 1)
    (line,) = done.stderr.splitlines()
    assert line.startswith("lean-relay: ")
    assert arguments.startswith("list") or "No space left" in line


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_stderr_that_cannot_be_written(tmp_path: Path) -> None:
    """The exit code is still that of the error, and the line of --json is there."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "relay", "list", "--db", "x", "--json"],
            stdout=subprocess.PIPE,
            stderr=full,
            cwd=tmp_path,
            env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path)},
            timeout=30,
        )
    assert (done.returncode, json.loads(done.stdout)["exit"]) == (4, 4)


def test_a_broken_pipe_elsewhere_is_not_hidden(register: Register) -> None:
    """A broken pipe that is not our output's is an error like any other."""

    def fail(invocation: Invocation) -> None:
        raise BrokenPipeError

    register("fail", fail)
    with pytest.raises(BrokenPipeError):
        run(["fail"])


def test_ctrl_c_ends_with_130() -> None:
    """Ctrl-C during a command is exit code 130 without a traceback."""
    code = """
import os, signal, sys, types, click
import relay.cli
from relay.cli import COMMANDS, run
module = types.ModuleType("waits")
module.wait_command = click.command("wait")(lambda: (print("ready", flush=True), signal.pause()))
sys.modules["waits"] = module
COMMANDS["wait"] = "waits"
sys.exit(run(["wait"]))
"""
    with Process[bytes](
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"")


def test_a_terminal_that_cannot_draw_gets_numbers(tmp_path: Path) -> None:
    """Under an encoding without the letter, output has its number in place of a traceback."""
    (tmp_path / "lean-relay.toml").write_text('db = "سجل.db"', encoding="utf-8")
    environ = os.environ | {"PYTHONIOENCODING": "ascii", "XDG_CONFIG_HOME": str(tmp_path)}
    done = python("-m", "relay", "config", "show", "--json", cwd=tmp_path, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[0])["value"] == str(tmp_path / "سجل.db")
