"""Guards commits: checks that they go to the right files, with our tables unchanged.

Checks before each write, and after each COMMIT before it is reported. If a check fails, it saves the data
that can still be saved.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from relay.errors import RelayError
from relay.store import identity
from relay.store.errors import StoreUnavailable
from relay.store.tables import APPLICATION_ID
from relay.store.write.checkpoints import without_waiting
from relay.store.write.file_identity import FileIdentity

log = logging.getLogger("relay.store")


class Guard:
    """Guards one open database; belongs to the writing thread."""

    def __init__(self, path: Path, connection: sqlite3.Connection, before: Guard | None = None) -> None:
        """
        Args:
            before: of the connection that this one replaces.

        Raises:
            RelayError: the database cannot be used; with its stable word.
        """
        self._path = path
        self._connection = connection
        self._file_identity: FileIdentity = FileIdentity(
            path, None if before is None else before._file_identity
        )
        try:
            self._schema_version = self._one("PRAGMA schema_version")
            identity.check_readable(connection, path)
        except BaseException:
            if before is None or not self.shares_files(before):
                self._file_identity.close()
            raise
        self._is_strange = False

    def is_quiet(self) -> bool:
        """Whether a group of captures can be written with only the check after its COMMIT."""
        return self._file_identity.is_quiet()

    def trouble(self, *, committed: bool = False) -> StoreUnavailable | None:
        """The reason why new rows would be lost; None while all is well.

        Args:
            committed: whether we made one COMMIT since the last check.

        Raises:
            sqlite3.Error: the tables cannot be read.
        """
        file_identity = self._file_identity
        moved_or_replaced = file_identity.committed() if committed else file_identity.moved_or_replaced()
        if moved_or_replaced is not None:
            return StoreUnavailable("store-gone", moved_or_replaced)
        if file_identity.lost_index:
            file_identity.lost_index = False
            self._one("PRAGMA schema_version")
            log.warning(
                "%s-shm was overwritten by another program, and was built again from the -wal", self._path
            )
        if file_identity.others_wrote or self._is_strange:
            return self._changed_tables()
        return None

    def strange_tables(self) -> StoreUnavailable | None:
        """The reason why our tables do not keep what is inserted; None if it is not to be seen in them."""
        self._is_strange = True
        return self._changed_tables()

    def _changed_tables(self) -> StoreUnavailable | None:
        version = self._one("PRAGMA schema_version")
        is_ours = self._one("PRAGMA application_id") == APPLICATION_ID
        if self._is_strange or version != self._schema_version or not is_ours:
            self._is_strange = True
            try:
                identity.check_readable(self._connection, self._path)
            except RelayError as error:
                return StoreUnavailable("store-foreign", str(error))
            self._is_strange, self._schema_version = False, version
        return None

    def others_wrote(self) -> bool:
        """Whether another program has committed since the last call."""
        found, self._file_identity.others_wrote = self._file_identity.others_wrote, False
        return found

    def changed(self) -> None:
        """Adopt the current state, after our checkpoint or a change with uncounted commits."""
        self._file_identity.changed()

    def may_still_write(self) -> bool:
        """Whether `save` would keep one more write: no other program has come to use the files."""
        return self._file_identity.can_copy() and not self._file_identity.is_index_replaced()

    def save(self) -> bool:
        """Copy the WAL into the database, if a file was renamed or deleted but none was overwritten.

        Nothing is copied if only the -shm is gone and another program has made a new one.

        Returns:
            Whether the database can be opened again: it is complete and at its path.
        """
        if not self._file_identity.can_copy():
            return False
        if self._file_identity.is_index_replaced():
            # The next process goes by the new -shm, which knows every commit that was reported, and a
            # truncated -wal would end before the frames that it names.
            return self._file_identity.is_at_its_path()
        # TRUNCATE, because the next program to open it may find no -wal and must not append to this one.
        result = without_waiting(self._connection, "PRAGMA wal_checkpoint(TRUNCATE)")
        self._file_identity.changed()
        return result is not None and not result[0] and self._file_identity.is_at_its_path()

    def shares_files(self, other: Guard) -> bool:
        """Whether `close` of either releases the files of both."""
        return self._file_identity.shares(other._file_identity)

    def close(self) -> None:
        """Release the files, after the connection was closed."""
        self._file_identity.close()

    def _one(self, sql: str) -> int:
        found: int = self._connection.execute(sql).fetchone()[0]
        return found
