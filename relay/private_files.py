"""Files and folders of the program's own: private from the first byte, opened only if they are ours.

Owns modes, flags and checks for every file whose path we choose (database, lock, socket, state, certificates,
the editor's copy). A link, a pipe or another user's file at that path is neither followed nor written to.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from relay.errors import RelayError

_NEVER_FOLLOW = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""With O_NONBLOCK a pipe opens without waiting for its other end, and can be refused."""


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and its missing parents durably, each 0700 under any umask.

    Returns:
        The folders that were made, outermost first.

    Raises:
        OSError: one of them could not be made.
    """
    missing = []
    at = folder
    while not os.path.lexists(at) and at.parent != at:
        missing.append(at)
        at = at.parent
    made = []
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:  # Another of our processes was faster.
            continue
        sync_folder(each.parent)
        made.append(each)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return made


def is_ours_alone(folder: Path) -> bool:
    """Whether it is a folder of this user, not a link, that no other user can enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and not stat.S_IMODE(found.st_mode) & 0o077
    )


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power failure, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def why_not_ours(path: Path) -> str | None:
    """Why a file must not be used as ours, as the end of a sentence; None where it may be, or is missing.

    Opens nothing: closing any descriptor of a database would drop SQLite's locks on it.
    """
    try:
        return _why_not_ours(path.lstat())
    except FileNotFoundError:
        return None


def open_ours(path: Path) -> int:
    """Open a file of ours for reading and writing; make it, empty and 0600, where it is missing.

    Returns:
        Its descriptor, which child programs do not inherit.

    Raises:
        RelayError: `unsafe-file` where it is a link, not a regular file, another user's, or has more names.
        OSError: as the system says.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NEVER_FOLLOW, 0o600)
    except OSError as error:
        reason = why_not_ours(path)
        if reason is None:
            raise
        raise unsafe(path, reason) from error
    try:
        found = os.fstat(descriptor)
        reason = _why_not_ours(found)
        if reason is not None:
            raise unsafe(path, reason)
        if stat.S_IMODE(found.st_mode) & 0o077:
            os.fchmod(descriptor, 0o600)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def create(path: Path, data: bytes = b"") -> None:
    """Make a file, 0600, with these bytes in it.

    Raises:
        FileExistsError: the name is taken, if only by a dangling link; that is left as it is.
        OSError: as the system says.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NEVER_FOLLOW
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)


def replace(path: Path, data: bytes) -> None:
    """Replace a file atomically by a new one, 0600.

    A link is replaced, and the file that it leads to stays as it is.

    Raises:
        OSError: as the system says.
    """
    temporary = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        create(temporary, data)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def unsafe(path: Path, reason: str, way_out: str = "remove it, or name another file with --db") -> RelayError:
    """Return the error for a file that is not ours."""
    return RelayError(f"{path} {reason}, so it is not opened; {way_out}", word="unsafe-file")


def _why_not_ours(found: os.stat_result) -> str | None:
    if stat.S_ISLNK(found.st_mode):
        return "is a link to another file"
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    if found.st_uid != os.geteuid():
        return f"belongs to another user (uid {found.st_uid})"
    if found.st_nlink > 1:
        return f"has {found.st_nlink} names (hard links)"
    return None
