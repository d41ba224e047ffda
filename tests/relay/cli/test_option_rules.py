"""Options that exclude each other, or that would have no effect, are wrong usage in every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.factories import a_capture, insert, new_log
from tests.support.program import lean_relay_here

LINES = [
    "list --all --limit 2",
    "list --reveal",
    "show 1 --body --headers",
    "show 1 --http --curl",
    "show 1 --attempts --body",
    "show 1 --body --json",
    "show 1 --body --reveal",
    "tail --reveal",
    "wait --reveal --timeout 0",
    "journey 1 --mermaid --json",
    "note 1 --remove -m x",
    "replay 1 --dry-run --expect 200",
    "replay 1 --shuffle 1 --rate original",
    "replay 1 --until-delivered --expect 200",
    "replay 1 --reveal",
    "replay --stop 1 --yes",
    "replay 1 --stop all",
    "trigger --list --explain",
    "trigger --list payment.updated",
    "trigger --list --to :9",
    "trigger payment.updated --explain --count 2",
    "trigger payment.updated --explain --set message=x",
    "trigger payment.updated --to http://localhost:9 --ca x.pem",
    "verify event.json --attempts",
    "verify event.json --save",
    "verify event.json --signature x --save",
    "shapes check 1 --against event.json --junit - --json",
    "certs show event.json --server-name x",
    "certs show event.json --ca event.json",
    "certs show 1 --password-file event.json",
    "certs show localhost:9 --password-file event.json",
    "tui --json",
    "listen --only type:payment",
    "listen --retry lean",
    "listen --in-flight 2",
    "listen --time-scale 0.1",
    "listen --time-scale 0.1 --forward-to :9",
    "listen --time-scale 0.1 --retry fast --forward-to :9",
    "listen --client-pin san:x",
    "listen --dev-tls --tls-cert x.pem",
]


@pytest.mark.parametrize("line", LINES)
def test_options_that_do_not_go_together(line: str, tmp_path: Path) -> None:
    """Exit code 2, with the names of both, before anything is read, sent or written."""
    log = new_log(tmp_path / "relay.db")
    insert(log, a_capture(1))
    log.close()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "event.json").write_text('{"type": "x"}')
    done = lean_relay_here(tmp_path, *line.split(), "--db", str(tmp_path / "relay.db"))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "--" in done.stderr


@pytest.mark.parametrize(
    "line", ["wait --timeout nan", "status --wait nan", "trigger payment.updated --to :9 --rate nan"]
)
def test_no_number(line: str, tmp_path: Path) -> None:
    """`nan` would be a limit that is never reached."""
    done = lean_relay_here(tmp_path, *line.split())
    assert done.returncode == 2
    assert "'nan' is not a number" in done.stderr
