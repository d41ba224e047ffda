"""Reading a settings file, and refusing one that another user could have written.

A file that the user names is trusted, no matter who owns it. One that is found, in the working folder or
above, must belong to the user or to root, and no other user may be able to write it. Its folder is not
checked: a user who can replace the file there cannot make one that belongs to this user.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from shlex import quote
from typing import Literal

Kind = Literal["named", "found", "own"]
"""Named by --config or LEAN_RELAY_CONFIG; found by walking up; the one in the user's config folder."""

LARGEST_BYTES = 1024 * 1024


def read(path: Path, kind: Kind) -> bytes:
    """The bytes of a settings file, read once.

    Raises:
        OSError: it cannot be read.
        ValueError: the file is refused, and why; paths in the message are quoted for a shell.
    """
    # The file may have become a pipe in the meantime, and opening that would wait for a writer.
    flags = os.O_RDONLY | os.O_CLOEXEC | (0 if kind == "named" else os.O_NONBLOCK)
    with open(os.open(path, flags), "rb") as file:
        if kind != "named" and (why_not := _not_ours(path, os.fstat(file.fileno()), kind)):
            raise ValueError(why_not)
        content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise ValueError("is too large for a settings file (at most 1 MiB)")
    return content


def _not_ours(path: Path, file: os.stat_result, kind: Kind) -> str | None:
    """Why a file that was not named is refused; None where it is accepted."""
    named = f"name it: --config {quote(str(path))}"
    owners = (os.geteuid(), 0)
    # The owner of a link chooses which of our files is read.
    if file.st_uid not in owners or os.lstat(path).st_uid not in owners:
        return f"belongs to another user; if you trust it, {named}"
    if kind == "own":
        return None
    if not stat.S_ISREG(file.st_mode):
        return "is not a regular file"
    open_to_all = file.st_mode & stat.S_IWOTH
    if open_to_all or (file.st_mode & stat.S_IWGRP and _has_other_members(file.st_gid)):
        who, mode = ("everyone" if open_to_all else "its group"), stat.S_IMODE(file.st_mode)
        return f"is writable by {who} (mode {mode:04o}); run chmod go-w {quote(str(path))}, or {named}"
    return None


def _has_other_members(gid: int) -> bool:
    """Whether a group has members other than this user and root, as far as the system lists them.

    With a umask of 002 files are writable by the user's own group, which has no other member.
    """
    members = {user.pw_uid for user in pwd.getpwall() if user.pw_gid == gid}
    try:
        names = grp.getgrgid(gid).gr_mem
    except KeyError:
        names = []
    for name in names:
        try:
            members.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue  # A name without a user: no one can log in as that.
    return bool(members - {os.geteuid(), 0})
