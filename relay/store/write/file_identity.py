"""Checks that an open database is still the one at its path, with the bytes that SQLite wrote.

SQLite does not check this in WAL mode: it keeps writing to files that were deleted, moved or overwritten, and
their rows are lost (sqlite.org/howtocorrupt.html, sections 1.2 and 2.4). A COMMIT in such a file must not
become a 200. Changes by other programs through SQLite are recognised by the -shm, which they keep up to date
(`relay.store.write.wal_index`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from relay.errors import RelayError
from relay.store.write import wal_index
from relay.store.write.wal_index import WalIndex

_Content = tuple[int, int]
"""Size in bytes and modification time in ns: overwriting a file changes at least one."""


class _Seen(NamedTuple):
    """One observation of the files."""

    files: tuple[int, ...]
    """Inodes and devices of the database, its -wal and its -shm."""
    main: _Content
    wal: _Content
    log: bytes
    """The content of the -shm (`wal_index.read`)."""


class FileIdentity:
    """The files of one open database."""

    def __init__(self, path: Path, before: FileIdentity | None = None) -> None:
        """Remember the files, just after they were opened.

        They stay open until `close`, which must follow the end of the connection: closing any descriptor of
        them drops this process's locks (sqlite.org/howtocorrupt.html, section 2.2).

        Args:
            before: of the connection that this one replaces; where the files are the same, both share their
                descriptors, so that an error each second does not use them up.

        Raises:
            RelayError: `store-gone`, one of them no longer exists.
        """
        main = os.path.realpath(path)
        self._names = (main, f"{main}-wal", f"{main}-shm")
        shared = before._open if before is not None and before.is_in_place() else None
        self._open: list[int] = [] if shared is None else shared
        self.others_wrote = False
        """Whether another program has committed, maybe to the schema; reset after that is checked."""
        self.lost_index = False
        """Whether the -shm was overwritten and has to be built again by a read; reset after that."""
        try:
            if shared is None:
                for name in self._names:
                    mode = os.O_RDWR if name == self._names[2] else os.O_RDONLY
                    self._open.append(os.open(name, mode | os.O_CLOEXEC | os.O_NOFOLLOW))
            self._files = self._look().files
        except OSError as error:
            if shared is None:
                self.close()
            raise RelayError(gone(main), word="store-gone") from error
        self._known = self._held()

    def is_in_place(self) -> bool:
        """Whether all files are at their paths."""
        try:
            return self._look().files == self._files
        except OSError:
            return False

    def shares(self, other: FileIdentity) -> bool:
        """Whether both have the same descriptors."""
        return self._open is other._open

    def close(self) -> None:
        """Close the files, for all that share them."""
        while self._open:
            os.close(self._open.pop())

    # -- before and after a write of ours ------------------------------------------------------

    def is_quiet(self) -> bool:
        """Whether the -wal is unchanged since the last check; one system call, 1 us."""
        wal = os.fstat(self._open[1])
        return (wal.st_size, wal.st_mtime_ns) == self._known.wal

    def moved_or_replaced(self) -> str | None:
        """Before a write: describe a change of the files, with the next step; None while all is well.

        Three system calls and a read of 132 bytes, 5 us.
        """
        try:
            seen = self._look()
        except OSError:
            return self._where()
        return None if seen == self._known else self._judged(committed=False)

    def committed(self) -> str | None:
        """The same after one COMMIT of ours, before it is reported."""
        known = self._known
        moved_or_replaced = self._judged(committed=True)
        before, now = wal_index.parse(known.log), wal_index.parse(self._known.log)
        if before and now and not wal_index.is_indexed(self._open[2], self._open[1], before, now):
            wal_index.drop(self._open[2])
            self.lost_index = True
        return moved_or_replaced

    def changed(self) -> None:
        """Adopt the current state, after our checkpoint or anything else that may change all of them."""
        self._known = self._held()

    def _look(self) -> _Seen:
        log = wal_index.read(self._open[2])
        main, wal, shm = map(os.lstat, self._names)
        return _Seen(
            (main.st_ino, wal.st_ino, shm.st_ino, main.st_dev, wal.st_dev, shm.st_dev),
            (main.st_size, main.st_mtime_ns),
            (wal.st_size, wal.st_mtime_ns),
            log,
        )

    def _held(self) -> _Seen:
        """The open files, wherever they are now."""
        log = wal_index.read(self._open[2])
        main, wal = map(os.fstat, self._open[:2])
        return _Seen(
            self._files,
            (main.st_size, main.st_mtime_ns),
            (wal.st_size, wal.st_mtime_ns),
            log,
        )

    # -- judging differences -------------------------------------------------------------------

    def _judged(self, *, committed: bool) -> str | None:
        """Describe the damage found; remember an intact file as it is now, wherever it is."""
        moved_or_replaced = None
        try:
            seen = self._look()
            if seen.main != self._known.main or not committed:
                seen = self._settled(self._look)
            if seen.files != self._files:
                moved_or_replaced = self._where()
        except OSError:
            moved_or_replaced = self._where()
        if moved_or_replaced is not None:
            seen = self._settled(self._held)
        known, main = self._known, self._names[0]
        before, now = wal_index.parse(known.log), wal_index.parse(seen.log)
        changed = None
        if seen.main != known.main and not (before and now and wal_index.has_copied(before, now)):
            changed = main
        elif seen.wal != known.wal and not self._is_intact(seen, before, now, committed=committed):
            changed = self._names[1]
        if changed is not None:
            return moved_or_replaced or (
                f"{changed} was changed by another program, and not through SQLite, while it was in use; "
                "start lean-relay again, which continues with what is there. To restore a backup, stop "
                f"lean-relay, put the backup in place, and remove {main}-wal and {main}-shm"
            )
        if not (before and now and 0 <= now.changes - before.changes <= committed):
            self.others_wrote = True
        self._known = seen
        return moved_or_replaced

    def _settled(self, look: Callable[[], _Seen]) -> _Seen:
        """An observation without a commit of another program between its parts."""
        seen = look()
        while seen.log != wal_index.read(self._open[2]):
            seen = look()
        return seen

    def _is_intact(
        self, seen: _Seen, before: WalIndex | None, now: WalIndex | None, *, committed: bool
    ) -> bool:
        """Whether a change of the -wal left all committed frames in place."""
        wal = self._open[1]
        if before is None or now is None:  # SQLite is about to rebuild the -shm from the -wal
            return True
        if seen.wal[0] < now.log_bytes:
            return False
        if committed or seen.log[:48] != self._known.log[:48]:
            return wal_index.seems_intact(wal, before, now)
        return wal_index.is_intact(wal, now) or wal_index.read(self._open[2]) != seen.log

    def _where(self) -> str:
        """Name the file that is no longer at its path."""
        for number, name in enumerate(self._names):
            try:
                found = os.lstat(name)
            except OSError:
                return gone(name)
            if (found.st_ino, found.st_dev) != (self._files[number], self._files[number + 3]):
                return f"{name} was replaced by another file while it was in use; {_NEXT}"
        return f"{self._names[0]} was away for a moment"

    # -- saving --------------------------------------------------------------------------------

    def can_copy(self) -> bool:
        """Whether our checkpoint can copy all commits into the database, wherever it is.

        True if a file was renamed or deleted, but none was overwritten.
        """
        held, known = self._held(), self._known
        before, now = wal_index.parse(known.log), wal_index.parse(held.log)
        if before is None or now is None or not os.fstat(self._open[0]).st_nlink:
            return False
        same = (before.salts, before.frames) == (now.salts, now.frames)
        return same and held.main == known.main and (held.wal == known.wal or now.is_copied)

    def is_index_replaced(self) -> bool:
        """Whether another program has made a new -shm for our -wal, which is at its path."""
        try:
            wal, shm = map(os.lstat, self._names[1:])
        except OSError:
            return False
        ours = self._files
        return (wal.st_ino, wal.st_dev) == (ours[1], ours[4]) and (shm.st_ino, shm.st_dev) != (
            ours[2],
            ours[5],
        )

    def is_at_its_path(self) -> bool:
        """Whether the main database file is at its path."""
        try:
            found = os.lstat(self._names[0])
        except OSError:
            return False
        return (found.st_ino, found.st_dev) == (self._files[0], self._files[3])


_NEXT = "put it back, or start lean-relay again, which continues with what is there"


def gone(name: str) -> str:
    """The message for a file that is no longer at its path."""
    return f"{name} was moved or deleted while it was in use; {_NEXT}"
