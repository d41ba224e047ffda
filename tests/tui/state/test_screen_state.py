"""What a screen remembers: its form, its file, and that neither can do any harm."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.factories import a_capture
from tests.support.screen import showing
from tui.gateway import state_file
from tui.state.screen_state import MOST_FILTERS, FilterHistory, ScreenState, name_of, read, written

LEFT = ScreenState(
    history=("sig:invalid", "type:payment"),
    filter="type:payment",
    filter_on=False,
    newest_first=True,
    tab="body",
    columns=("time", "event", "of-2031"),
    zoom="list",
    theme="lean-light",
)


def test_there_and_back() -> None:
    """What was written down is read again as it was."""
    assert read(written(LEFT)) == LEFT


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    """A file with anything in it gives a state, and no error."""
    assert isinstance(read(text), ScreenState)


@pytest.mark.parametrize(
    "text",
    [
        '{"history": 5, "filter": ["x"], "filter_on": "no", "tab": null, "theme": 7}',
        '{"history": [1, null, {"a": 1}, "\\u001b[2J"], "filter": "a\\nb"}',
        "[" * 100_000,
        "[]",
    ],
)
def test_what_is_of_another_form_is_left_out(text: str) -> None:
    """Values of a wrong type, control characters and depths without end are not taken up."""
    assert read(text) == ScreenState()


def test_history_holds_each_filter_once() -> None:
    """A filter that is applied again becomes the newest, and the oldest go."""
    state = ScreenState().with_filter("a").with_filter("b").with_filter(" a ").with_filter("")
    assert state.history == ("b", "a")
    for number in range(2 * MOST_FILTERS):
        state = state.with_filter(str(number))
    assert len(state.history) == MOST_FILTERS
    assert state.history[-1] == str(2 * MOST_FILTERS - 1)


def test_recall_goes_back_and_forth() -> None:
    """Older to the oldest and no further; newer to an empty line."""
    history = FilterHistory(("a", "b"))
    assert not history.is_on
    assert [history.older(), history.older(), history.older()] == ["b", "a", None]
    assert [history.newer(), history.newer()] == ["b", ""]
    assert [history.is_on, history.older(), history.is_on] == [False, "b", True]


def test_private_file(tmp_path: Path) -> None:
    """The file is readable by its owner alone, and so is its folder; its name does not tell the log's."""
    db = tmp_path / "secret-project.db"
    state_file.save(db, LEFT)
    assert state_file.load(db) == LEFT
    (file,) = state_file.folder().iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "secret" not in file.name
    assert name_of(tmp_path / "other.db") != file.name


def test_damage_is_no_trouble(tmp_path: Path) -> None:
    """A damaged file is as none, and is replaced."""
    db = tmp_path / "relay.db"
    state_file.save(db, LEFT)
    (file,) = state_file.folder().iterdir()
    file.write_bytes(b"\xff\x00{")
    assert state_file.load(db) == ScreenState()
    state_file.save(db, LEFT)
    assert state_file.load(db) == LEFT


def test_only_a_file_of_ours_is_read(tmp_path: Path) -> None:
    """A link is not followed, and a pipe, which would never open, is not waited for."""
    db = tmp_path / "relay.db"
    state_file.save(db, LEFT)
    (file,) = state_file.folder().iterdir()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert state_file.load(db) == ScreenState()
    file.unlink()
    os.mkfifo(file)
    assert state_file.load(db) == ScreenState()
    state_file.save(db, LEFT)
    assert state_file.load(db) == LEFT


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be written nothing is remembered, without a word."""
    tmp_path.chmod(0o500)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    state_file.save(tmp_path / "relay.db", LEFT)
    assert state_file.load(tmp_path / "relay.db") == ScreenState()
    tmp_path.chmod(0o700)


def test_a_file_in_place_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else where the folder should be is no trouble either."""
    (tmp_path / "state").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    state_file.save(tmp_path / "relay.db", LEFT)
    assert state_file.load(tmp_path / "relay.db") == ScreenState()


@pytest.mark.slow
async def test_the_screen_comes_back_as_it_was_left(tmp_path: Path) -> None:
    """Filter, history, order, tab, zoom and theme are those of the last time on the same log."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    captures = [a_capture(1), a_capture(2, target="/two", event=None)]
    async with showing(tmp_path / "one", captures) as see:
        await see.press("slash", *"two", "enter", "o", "3", "z", "ctrl+t")
        await see.shows("1 match", "▲")
        await see.press("q")
    (tmp_path / "one/relay.db").unlink()
    async with showing(tmp_path / "one", captures) as see:
        text = await see.shows("/ two", "1 match", "▲")
        assert "Headers" not in text  # the list has the whole screen
        assert see.pilot.app.theme == "lean-light"
        await see.press("z")
        await see.shows("localhost:5326")  # the tab with the headers is open
        await see.press("escape")
        await see.shows("2 captures")
        await see.press("slash", "up")
        await see.shows("/ two", "1 match")
    async with showing(tmp_path / "two", captures) as see:
        await see.shows("2 captures", "▼")
        assert see.pilot.app.theme == "lean-dark"
