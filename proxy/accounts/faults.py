"""What databases and their drivers raise in, ``DatabaseAway`` out where the database cannot be reached or cannot
take part now; anything else is a bug and stays as it is. One table for each database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from ..errors import DatabaseAway

# The classes of SQLSTATE: connection, its credentials, no such database, resources, operator intervention, system
# errors; a transaction that was rolled back in favour of another one can be tried again.
POSTGRESQL_AWAY = ("08", "28", "3D", "40", "53", "55P03", "57", "58")
# How SQLite's messages begin. Its error codes are not in every Python that Forii runs on.
SQLITE_AWAY = (
    "unable to open database file",
    "database is locked",
    "database table is locked",
    "database or disk is full",
    "database disk image is malformed",
    "disk I/O error",
    "attempt to write a readonly database",
    "file is not a database",
    "locking protocol",
)
# From beneath the drivers, and from SQLAlchemy when all connections are in use.
AWAY = (OSError, asyncio.TimeoutError, NoConnection)

_MESSAGE = "The accounts cannot be looked up right now; send the request again."


@contextmanager
def translated() -> Iterator[None]:
    """Raises DatabaseAway in place of what it stands for."""
    try:
        yield
    except Exception as error:
        if is_away(error):
            raise DatabaseAway(_MESSAGE) from error
        raise


def is_away(error: BaseException) -> bool:
    """Whether the error says that the database is away."""
    if isinstance(error, AWAY):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    while cause is not None:
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            return state.startswith(POSTGRESQL_AWAY)
        if isinstance(cause, AWAY) or str(cause).startswith(SQLITE_AWAY):
            return True
        cause = cause.__cause__
    return False
