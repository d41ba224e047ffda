"""The first screen as text."""

from __future__ import annotations

from dataclasses import replace

from relay.checks.findings import fault, ok, warning
from relay.control.messages import FollowerStatus, NodeStatus, TargetStatus
from tui.keyboard.keymap import Keymap
from tui.presenters.setup import Part, Setup, backend, part, steps
from tui.presenters.status import EngineState, Status

RUNNING = Status(engine=EngineState.RUNNING, url="http://127.0.0.1:5326")


def text(setup: Setup, width: int = 80, status: Status = RUNNING) -> str:
    return "".join(piece for piece, _ in steps(setup, status, "http://127.0.0.1:5326", Keymap(), width))


def test_the_worst_finding_counts() -> None:
    """A fault before a warning before what is fine; a reload is named where one is needed."""
    fine, open_, wrong = ok("x", "fine"), warning("x", "open", "type it"), fault("x", "wrong", "mend it")
    assert part("a", [fine, fine]) == Part("a", "done", "fine")
    assert part("a", [fine, open_], reload=True) == Part(
        "a", "open", "open", "type it, then: lean-relay reload"
    )
    assert part("a", [open_, wrong, fine]) == Part("a", "wrong", "wrong", "mend it")


def test_backend() -> None:
    """None, one that is down, all up."""
    up = TargetStatus(target="http://a/", state="up")
    down = TargetStatus(target="http://b/", state="down", reason="nothing listens")
    assert backend([]).state == "open"
    assert backend([]).step == (
        "start again with --forward-to :3000/webhooks/lean; or set `forward` in the settings, "
        "then: lean-relay reload"
    )
    assert backend([up, down]).text == "http://b/ is down: nothing listens"
    assert backend([up]) == Part("backend", "done", "http://a/ (up)")


def test_what_is_done_has_no_step_and_nothing_is_wider_than_the_window() -> None:
    """A line for what is done; text and step under each other for the others, wrapped and safe."""
    parts = (
        Part("secret", "open", "none " * 20, "type this \x1b[2J" * 4),
        Part("backend", "done", "http://a/ (up)", "not shown"),
    )
    shown = text(Setup(parts=parts), 50)
    assert "✓ backend     http://a/ (up)\n" in shown
    assert "not shown" not in shown
    assert "\x1b" not in shown
    lines = shown[shown.index("○ secret") :].splitlines()
    assert all(len(line) <= 50 for line in lines)
    assert all(line.startswith(("○ ", "✓ ", " " * 14)) for line in lines)


def test_a_node() -> None:
    """What a node shares is not here, so its list stays empty; one that follows too shows all."""
    node = replace(RUNNING, node=NodeStatus())
    assert text(Setup(), status=node).startswith("Webhooks are shared with the team and not stored here")
    both = replace(node, team=FollowerStatus())
    assert text(Setup(), status=both).startswith("No webhooks received yet.")


def test_samples_and_the_public_url() -> None:
    """Whether samples are signed is said as it is; the public URL is what Lean posts to."""
    assert "unsigned, because no webhook secret is set" in text(Setup())
    assert "signed as Lean would" in text(Setup(signs=True))
    public = Status(engine=EngineState.RUNNING, public_url="https://x.example/hooks")
    assert "Lean posts to  https://x.example/hooks" in text(Setup(), status=public)
