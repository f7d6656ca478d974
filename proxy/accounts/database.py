"""The database: an address in, transactions out, on SQLite or PostgreSQL.

It is opened by the first transaction, which also brings the tables up to date (``migration.py``); where it cannot
be reached, the next transaction tries anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from .faults import translated
from .migration import migrate

_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 60


class Database:
    """url: of ``database_url``. Belongs to one event loop."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._url.get_backend_name()

    @property
    def address(self) -> str:
        """For people: without the password."""
        return self._url.set(drivername=self.dialect).render_as_string(hide_password=True)

    @property
    def is_new(self) -> bool:
        """Whether it is a file that nobody has made yet, in which there can be nothing."""
        return self.dialect == "sqlite" and not Path(self._url.database or "").exists()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, which is committed when the block ends well. Raises DatabaseAway, from within the block
        too."""
        with translated():
            engine = self._engine or await self._open()
            async with engine.begin() as connection:
                yield connection

    async def close(self) -> None:
        """Transactions that begin later open it again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def _open(self) -> AsyncEngine:
        async with self._opening:
            if self._engine is None:
                # In a thread: it imports and compiles for a tenth of a second.
                await asyncio.to_thread(asyncio.run, migrate(connect(self._url)))
                self._engine = connect(self._url)
            return self._engine


def connect(url: URL) -> AsyncEngine:
    """An engine, which connects when it is used."""
    if url.get_backend_name() == "sqlite":
        Path(url.database or "").absolute().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = create_async_engine(url, connect_args={"timeout": _CONNECT_SECONDS})
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        return engine
    limits = {"timeout": _CONNECT_SECONDS, "command_timeout": _STATEMENT_SECONDS}
    # A connection that broke since it was used last is found by asking, not by a transaction that fails.
    return create_async_engine(url, connect_args=limits, pool_pre_ping=True, pool_timeout=_CONNECT_SECONDS)


def _set_up_sqlite(connection: SqliteConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # Readers and the one writer do not wait for each other; what was committed survives a crash of the process.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
