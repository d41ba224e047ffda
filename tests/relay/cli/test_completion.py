"""`completion`, and what the shells then ask for."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from relay.cli import COMMANDS, run

Output = pytest.CaptureFixture[str]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The script is on stdout, asks this program, and the shell itself accepts it where it is installed."""
    assert run(["completion", shell]) == 0
    script = capfd.readouterr().out
    assert "_LEAN_RELAY_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=30)


def test_an_empty_line_completes_to_the_commands(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """`lean-relay <TAB>` offers every command, and nothing of `listen`."""
    monkeypatch.setenv("_LEAN_RELAY_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "lean-relay ")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert run([]) == 0
    assert capsys.readouterr().out.split() == [f"plain,{name}" for name in COMMANDS]


def test_commands_and_their_options_are_completed(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    """A begun command, its subcommands, and options are completed; an unknown command is no error."""
    monkeypatch.setenv("_LEAN_RELAY_COMPLETE", "bash_complete")
    for words, offered in (
        ("lean-relay compl", "plain,completion"),
        ("lean-relay config in", "plain,init"),
        ("lean-relay rehearse sig", "plain,signatures"),
        ("lean-relay help priv", "plain,privacy"),
        ("lean-relay --db x config show --js", "plain,--json"),
        ("lean-relay frobnicate --js", "plain,--json"),
    ):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert run([]) == 0
        assert capsys.readouterr().out.strip() == offered
