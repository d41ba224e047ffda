"""The tables, as ordered migrations (`relay.store.tables` has their SQL).

Opens no file itself; `relay.store.identity` decides whether a file is ours.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from relay.store import identity
from relay.store.tables import STEPS

migrations = Migrations(identity.MIGRATION_SET)


def _add(name: str) -> None:
    @migrations(name=name)
    def run(db: Database) -> None:
        for statement in STEPS[name]:
            db.execute(statement)


for _name in STEPS:
    _add(_name)


def migrate(conn: sqlite3.Connection) -> None:
    """Bring the file to this version's tables; each step and its record commit together.

    Recreates indexes and views that another program has dropped.
    """
    migrations.apply(Database(conn, execute_plugins=False))
    for statement in identity.missing(conn):
        conn.execute(statement)
