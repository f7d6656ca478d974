"""The address of a database in, ways to connect to it out."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from .private_folder import make_private

_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 60


def connect(url: URL) -> AsyncEngine:
    """For an event loop. It connects when it is used."""
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, connect_args={"timeout": _CONNECT_SECONDS})
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        return engine
    limits = {"timeout": _CONNECT_SECONDS, "command_timeout": _STATEMENT_SECONDS}
    # A connection that broke since it was used last is found by asking, not by a transaction that fails.
    return create_async_engine(url, connect_args=limits, pool_pre_ping=True, pool_timeout=_CONNECT_SECONDS)


def connect_sqlite(url: URL) -> Engine:
    """For a thread. The file and its folder are made if need be, for their owner alone."""
    path = Path(url.database or "").absolute()
    make_private(path.parent)
    # What SQLite lays beside it has the file's own mode.
    path.touch(mode=0o600)
    engine = create_engine(url.set(drivername="sqlite"), connect_args={"timeout": _CONNECT_SECONDS})
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Connection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    # Readers and the one writer do not wait for each other; what was committed survives a crash of the process;
    # what was blanked is not in the file any more.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "secure_delete = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
