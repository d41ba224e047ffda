"""Whether a database that is open is still the one at its path, with the bytes that SQLite left in it.

SQLite does not look in WAL mode: it writes on into files that were deleted, moved away or overwritten, and
their rows are lost with them, or read by no program (sqlite.org/howtocorrupt.html, sections 1.2 and 2.4). A
COMMIT in such a file must not become a 200. Changes by other programs through SQLite are recognised by the
-shm, which they keep up to date (`relay.store.write.wal_index`).
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
"""Size in bytes and time of the last change in ns: an overwritten file does not keep both."""


class _Seen(NamedTuple):
    """One look at the files."""

    files: tuple[int, ...]
    """Inodes and devices of the database, its -wal and its -shm."""
    main: _Content
    wal: _Content
    log: bytes
    """The content of the -shm (`wal_index.read`)."""


class FileIdentity:
    """The files of one open database."""

    def __init__(self, path: Path) -> None:
        """Remember the files that are there now, just after they were opened.

        They stay open until `close`. That comes after the connection's own end: closing any descriptor of
        them drops the locks of this process (sqlite.org/howtocorrupt.html, section 2.2).

        Raises:
            RelayError: `store-gone` where one of them is not there any more.
        """
        main = os.path.realpath(path)
        self._names = (main, f"{main}-wal", f"{main}-shm")
        self._open: list[int] = []
        self.others_wrote = False
        """Another program has committed something, which may be to the tables themselves; set back by
        whoever has looked at them."""
        try:
            for name in self._names:
                self._open.append(os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
            self._files = self._look().files
        except OSError as error:
            self.close()
            raise RelayError(_gone(main), word="store-gone") from error
        self._known = self._held()

    def close(self) -> None:
        """Let go of the files."""
        while self._open:
            os.close(self._open.pop())

    # -- before and after a write of ours ------------------------------------------------------

    def is_quiet(self) -> bool:
        """Whether the -wal is unchanged since the last look; one look at the file system, 1 us."""
        wal = os.fstat(self._open[1])
        return (wal.st_size, wal.st_mtime_ns) == self._known.wal

    def moved_or_replaced(self) -> str | None:
        """Before a write: describe a change of the files, for a person and with the next step; else None.

        None while all is well. Three looks at the file system and a read of 132 bytes, 5 us.
        """
        try:
            seen = self._look()
        except OSError:
            return self._where()
        return None if seen == self._known else self._judged(committed=False)

    def committed(self) -> str | None:
        """The same after one COMMIT of ours, before it is reported."""
        return self._judged(committed=True)

    def changed(self) -> None:
        """After a checkpoint or anything else of ours that may have changed all of them."""
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

    # -- what a difference means ---------------------------------------------------------------

    def _judged(self, *, committed: bool) -> str | None:
        """The damage found; an intact file is remembered as SQLite left it, wherever it is."""
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
                "start lean-relay again, which goes on with what is there. To restore a backup, stop "
                f"lean-relay, put the backup in place, and remove {main}-wal and {main}-shm"
            )
        if not (before and now and 0 <= now.changes - before.changes <= committed):
            self.others_wrote = True
        self._known = seen
        return moved_or_replaced

    def _settled(self, look: Callable[[], _Seen]) -> _Seen:
        """A look in which no other program committed between its parts."""
        seen = look()
        while seen.log != wal_index.read(self._open[2]):
            seen = look()
        return seen

    def _is_intact(
        self, seen: _Seen, before: WalIndex | None, now: WalIndex | None, *, committed: bool
    ) -> bool:
        """Whether a change of the -wal left all committed frames in place."""
        wal = self._open[1]
        if before is None or now is None:  # SQLite is about to make the -shm anew from the -wal.
            return True
        if seen.wal[0] < now.log_bytes:
            return False
        if committed or seen.log[:48] != self._known.log[:48]:
            return wal_index.seems_intact(wal, before, now)
        return wal_index.is_intact(wal, now) or wal_index.read(self._open[2]) != seen.log

    def _where(self) -> str:
        """Which of the files is not at its name any more."""
        for number, name in enumerate(self._names):
            try:
                found = os.lstat(name)
            except OSError:
                return _gone(name)
            if (found.st_ino, found.st_dev) != (self._files[number], self._files[number + 3]):
                return f"{name} was replaced by another file while it was in use; {_NEXT}"
        return f"{self._names[0]} was away for a moment"

    # -- what can be kept ----------------------------------------------------------------------

    def can_copy(self) -> bool:
        """Whether a checkpoint of ours brings all that is committed into the database, wherever that lies.

        It does where a file has lost its name and none its bytes.
        """
        held, known = self._held(), self._known
        before, now = wal_index.parse(known.log), wal_index.parse(held.log)
        if before is None or now is None or not os.fstat(self._open[0]).st_nlink:
            return False
        same = (before.salts, before.frames) == (now.salts, now.frames)
        return same and held.main == known.main and (held.wal == known.wal or now.is_copied)

    def is_at_its_path(self) -> bool:
        """Whether the database itself, without its side files, is where it was."""
        try:
            found = os.lstat(self._names[0])
        except OSError:
            return False
        return (found.st_ino, found.st_dev) == (self._files[0], self._files[3])


_NEXT = "put it back, or start lean-relay again, which goes on with what is there"


def _gone(name: str) -> str:
    return f"{name} was moved or deleted while it was in use; {_NEXT}"
