"""A database in, the same with this version's tables out, whichever version made it.

Several proxies may start at once: one migrates, the others wait for it and find nothing left to do.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..settings import NotServable

_FOLDER = Path(__file__).with_name("migrations")
# Any number that nothing else in the database locks.
_LOCK = 7_063_014_881


class DatabaseTooNew(NotServable):
    """A later version of Forii made the tables; the message says what to do."""


async def migrate(engine: AsyncEngine) -> None:
    """Brings the tables up to date in one transaction, and closes the engine. Raises DatabaseTooNew, and what the
    driver raises."""
    try:
        async with engine.connect() as connection:
            await _lock(connection)
            await connection.run_sync(_upgrade)
            await connection.commit()
    finally:
        await engine.dispose()


async def _lock(connection: AsyncConnection) -> None:
    """Until the end of the transaction."""
    if connection.dialect.name == "sqlite":
        await connection.execute(text("BEGIN IMMEDIATE"))
    else:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _upgrade(connection: Connection) -> None:
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
