"""Which settings files are read: not those that somebody else could have written."""

from __future__ import annotations

import grp
import os
import pwd
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from relay.config import Settings, load, user_file
from relay.errors import UsageError

ME = 4321
OTHER = 1234


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "lean-relay.toml"
    found.write_text("port = 1")
    found.chmod(0o644)
    return found


def loaded(file: Path, config: Path | None = None) -> Settings:
    return load({}, config=config, environ={}, cwd=file.parent)


def refusal(file: Path) -> str:
    with pytest.raises(UsageError) as caught:
        loaded(file)
    return str(caught.value)


def as_others(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Make a file somebody else's: by its owner where that can be changed, else by who we are."""
    monkeypatch.setattr(os, "geteuid", lambda: ME)
    if os.getuid() == 0:
        os.chown(path, OTHER, -1, follow_symlinks=False)


def test_a_file_of_another_user_is_not_taken_by_chance(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A settings file that somebody else left in a folder above is a fault; named, it is read."""
    as_others(monkeypatch, file)
    assert f"belongs to another user; if you trust it, name it: --config {file}" in refusal(file)
    assert loaded(file, config=file).port == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a link to another user")
def test_a_link_of_another_user_is_not_followed(file: Path, tmp_path: Path) -> None:
    """Who owns the link chose which file of ours is read."""
    folder = tmp_path / "shared"
    folder.mkdir()
    link = folder / "lean-relay.toml"
    link.symlink_to(file)
    assert loaded(link).port == 1
    os.chown(link, OTHER, -1, follow_symlinks=False)
    assert "belongs to another user" in refusal(link)


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o602])
def test_a_file_that_everybody_can_write_is_refused(file: Path, mode: int) -> None:
    """The message has the mode, the command that mends it, and the way to name it all the same."""
    file.chmod(mode)
    said = refusal(file)
    assert f"lean-relay.toml: is writable by everyone (mode {mode:04o}); run chmod go-w {file}" in said
    assert f"or name it: --config {file}" in said
    assert loaded(file, config=file).port == 1


@pytest.mark.parametrize(
    ("listed", "users", "taken"),
    [
        ([], [], True),
        (["me", "root"], [], True),
        (["me", "gone"], [], True),
        (["me", "colleague"], [], False),
        ([], ["me"], True),
        ([], ["me", "root"], True),
        ([], ["me", "colleague"], False),
        (None, ["me"], True),
        (None, ["me", "colleague"], False),
    ],
)
def test_a_file_that_its_group_can_write(
    file: Path, monkeypatch: pytest.MonkeyPatch, listed: list[str] | None, users: list[str], taken: bool
) -> None:
    """0664 is usual where the umask is 002 and the group is the user's own; with other members it is refused.

    Args:
        listed: names that the group lists; None for a group that the system does not know.
        users: those whose own group it is.
    """
    ids = {"me": os.geteuid(), "root": 0, "colleague": OTHER}
    gid = file.stat().st_gid

    def group(wanted: int) -> SimpleNamespace:
        if listed is None:
            raise KeyError(wanted)
        return SimpleNamespace(gr_mem=listed)

    monkeypatch.setattr(grp, "getgrgid", group)
    monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=ids[name]))
    known = [SimpleNamespace(pw_uid=ids[name], pw_gid=gid) for name in users]
    monkeypatch.setattr(pwd, "getpwall", lambda: [*known, SimpleNamespace(pw_uid=OTHER, pw_gid=gid + 1)])
    file.chmod(0o664)
    if taken:
        assert loaded(file).port == 1
    else:
        assert "is writable by its group (mode 0664)" in refusal(file)


def test_the_users_own_file_may_have_any_mode(tmp_path: Path) -> None:
    """The one in the user's config folder is no project's: only its owner counts, as before."""
    user_file().parent.mkdir(parents=True)
    user_file().write_text("port = 2")
    user_file().chmod(0o666)
    assert load({}, environ={}, cwd=tmp_path).port == 2


def test_a_file_that_is_far_too_large_is_refused(file: Path) -> None:
    """It is not read to its end."""
    with file.open("r+b") as sparse:
        sparse.truncate(20 * 2**30)
    assert "is too large for a settings file (at most 1 MiB)" in refusal(file)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that became a pipe since it was found is refused; one that is named is read."""
    file.unlink()
    os.mkfifo(file)
    assert loaded(file).port == 5326
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "isfile", lambda _: True)
        assert "is not a regular file" in refusal(file)

    def write() -> None:
        file.write_text("port = 3")

    writer = threading.Thread(target=write)
    writer.start()
    assert loaded(file, config=file).port == 3
    writer.join()
