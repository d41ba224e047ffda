"""A message as text."""

from tui.presenters.messages import Notice, pieces


def text(notice: Notice) -> str:
    return "".join(part for part, _ in pieces(notice))


def test_title_text_and_the_key_to_its_captures() -> None:
    """Lines become one; a glyph tells how bad it is; captures are offered by number."""
    assert text(Notice("http://x", "Copied")) == "· Copied  http://x"
    assert text(Notice("a\nb", severity="warning")) == "! a · b"
    assert text(Notice("1 failed", "Sent again", "error", (3,))) == "✗ Sent again  1 failed · Enter shows it"
    assert text(Notice("some", captures=range(1200))) == "· some · Enter shows the 1,200"
