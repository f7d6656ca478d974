"""A database in, the same with this version's tables out, whichever version made it.

Several proxies may start at once: one migrates, the others wait for it and find nothing left to do.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, text

from ..settings import NotServable
from .connections import connect, connect_sqlite

_FOLDER = Path(__file__).with_name("migrations")
# Any number that nothing else in the database locks.
_LOCK = 7_063_014_881


# The first SQLite that tells what it inserted.
_OLDEST_SQLITE = (3, 35)


class SqliteTooOld(NotServable):
    """The SQLite of this Python lacks what is needed; the message says what to do."""


class DatabaseTooNew(NotServable):
    """A later version of Forii made the tables; the message says what to do."""


def migrate(url: URL) -> None:
    """Brings the tables up to date in one transaction, which takes a tenth of a second where there is something to
    do. Raises DatabaseTooNew, SqliteTooOld, and what the driver raises. Belongs in a thread of its own."""
    if url.get_backend_name() == "sqlite":
        _migrate_sqlite(url)
    else:
        asyncio.run(_migrate_postgresql(url))


def _migrate_sqlite(url: URL) -> None:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise SqliteTooOld(
            f"this Python has SQLite {sqlite3.sqlite_version}, and 3.35 or later is needed: use another Python, "
            "or set `database` to a PostgreSQL"
        )
    engine = connect_sqlite(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            _upgrade(connection)
            connection.commit()
    finally:
        engine.dispose()


async def _migrate_postgresql(url: URL) -> None:
    engine = connect(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    # Here in the thread: they take a while.
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    found = MigrationContext.configure(connection).get_current_revision()
    if found == scripts.get_current_head():
        return
    if found is not None and found not in {one.revision for one in scripts.walk_revisions()}:
        raise DatabaseTooNew(
            f"the database was made by a later version of Forii (its tables are of revision {found}): start that "
            "version, or restore a backup"
        )
    command.upgrade(config, "head")
