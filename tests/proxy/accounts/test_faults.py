from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from proxy.accounts.faults import POSTGRESQL_AWAY, SQLITE_AWAY, translated
from proxy.errors import DatabaseAway


class Refusal(Exception):
    """As PostgreSQL's driver raises them. sqlstate: five characters."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("said the server")
        self.sqlstate = sqlstate


AWAY: list[Exception] = [
    OSError(111, "Connection refused"),
    ConnectionResetError(),
    asyncio.TimeoutError(),
    NoConnection("no connection was free"),
    DBAPIError("SELECT 1", None, Refusal("XX000"), connection_invalidated=True),
    *(Refusal(state.ljust(5, "0")) for state in POSTGRESQL_AWAY),
    *(DBAPIError("SELECT 1", None, Refusal(state.ljust(5, "0"))) for state in POSTGRESQL_AWAY),
    *(OperationalError("SELECT 1", None, sqlite3.OperationalError(message)) for message in SQLITE_AWAY),
]
BUGS: list[Exception] = [
    ValueError("a bug"),
    OperationalError("SELECT 1", None, sqlite3.OperationalError("no such table: usage")),
    IntegrityError("INSERT", None, sqlite3.IntegrityError("UNIQUE constraint failed: accounts.id")),
    DBAPIError("SELECT 1", None, Refusal("42P01")),
    DBAPIError("INSERT", None, Refusal("23505")),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_what_is_away_is_told_without_the_inside(error: Exception) -> None:
    with pytest.raises(DatabaseAway) as caught, translated():
        raise error
    assert caught.value.__cause__ is error
    assert str(error) == "" or str(error) not in caught.value.message


@pytest.mark.parametrize("error", BUGS, ids=repr)
def test_a_bug_stays_one(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translated():
        raise error
    assert caught.value is error
