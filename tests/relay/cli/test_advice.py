"""Commands that messages suggest repeat the options of the run that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.cli import run
from relay.cli.advice import advice, for_elsewhere
from relay.cli.context import Invocation

HERE = Invocation(db=Path("my logs/x.db"), config=Path("c.toml"))
OPTIONS = "--config c.toml --db 'my logs/x.db'"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("none; `lean-relay listen` starts one", f"none; `lean-relay {OPTIONS} listen` starts one"),
        ("`lean-relay show 1` and `lean-relay list`", None),
        ("renew it, and then: lean-relay reload", f"renew it, and then: lean-relay {OPTIONS} reload"),
        ("`lean-relay certs show ID` prints it", "`lean-relay certs show ID` prints it"),
        ("start lean-relay again", "start lean-relay again"),
        ("/opt/lean-relay: lean-relay is there", "/opt/lean-relay: lean-relay is there"),
        ("`lean-relay --detach`", "`lean-relay --detach`"),
        ("nothing", "nothing"),
    ],
)
def test_advice(text: str, said: str | None) -> None:
    """Each command that opens a database gets them; without such options nothing changes."""
    if said is None:
        said = f"`lean-relay {OPTIONS} show 1` and `lean-relay {OPTIONS} list`"
    assert advice(text, HERE) == said
    assert advice(text, Invocation()) == text


def test_another_shell_may_be_elsewhere() -> None:
    """A listener's lines name whole paths."""
    line = advice("`lean-relay resume` lets go", for_elsewhere(Invocation(db=Path("x.db"))))
    assert line == f"`lean-relay --db {Path.cwd() / 'x.db'} resume` lets go"


def test_errors_name_this_database(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An error's next step can be copied."""
    db = tmp_path / "x.db"
    assert run(["--db", str(db), "reload"]) == 5
    assert f"`lean-relay --db {db} listen` starts one" in capsys.readouterr().err
    assert run(["status", "--db", str(db)]) == 5
    assert f"`lean-relay --db {db} listen`" in capsys.readouterr().out
