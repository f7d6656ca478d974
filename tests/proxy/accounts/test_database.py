from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url
from proxy.accounts.migration import DatabaseTooNew, SqliteTooOld, migrate
from proxy.accounts.tables import accounts, metadata
from proxy.accounts.usage_repository import UsageRepository
from proxy.errors import DatabaseAway
from tests.postgres_server import PostgresServer
from tests.proxy.accounts.records import record

_MIGRATE = """
import sys
from proxy.accounts.database_url import database_url
from proxy.accounts.migration import migrate
migrate(database_url(sys.argv[1]))
"""
_ROOT = Path(__file__).parents[3]


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found: Iterable[object] = compare_metadata(context, metadata)
    return list(found)


async def test_the_migrations_make_the_tables_that_the_code_knows(opened: Database) -> None:
    async with opened.begin() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_first_transaction_makes_the_tables(new_database: str) -> None:
    database = Database(database_url(new_database))
    try:
        assert await UsageRepository(database).spent("alice") == 0
        async with database.begin() as connection:
            assert (await connection.execute(select(accounts.c.id, accounts.c.plan))).all() == [
                ("local", "default")
            ]
    finally:
        await database.close()


async def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "forii.db"
    database = Database(database_url(f"sqlite:///{path}"))
    assert database.is_new
    async with database.begin() as connection:
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
    await database.close()
    assert not database.is_new
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_several_processes_that_start_at_once_migrate_once(new_database: str) -> None:
    command = [sys.executable, "-c", _MIGRATE, new_database]
    processes = [subprocess.Popen(command, cwd=_ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    said = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert said == [("", 0)] * 4


async def test_transactions_that_begin_at_once_open_it_once(new_database: str) -> None:
    database = Database(database_url(new_database))
    try:
        spent = await asyncio.gather(*(UsageRepository(database).spent("alice") for _ in range(8)))
        assert spent == [Decimal(0)] * 8
    finally:
        await database.close()


async def test_what_was_spent_before_it_was_kept_up_is_taken_over(new_database: str) -> None:
    """As the first version left it: usage, and nothing that sums it up."""
    database = Database(database_url(new_database))
    costs = ["9000000.999999999999", "9000000.999999999999", "0.1", "-0.25"]
    try:
        await UsageRepository(database).insert([record(cost=Decimal(cost)) for cost in costs])
        async with database.begin() as connection:
            await connection.execute(text("DROP TABLE spent"))
            await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        await database.close()
        assert await UsageRepository(database).spent("alice") == sum(map(Decimal, costs))
        await UsageRepository(database).insert([record(cost=Decimal(1))])
        assert await UsageRepository(database).spent("alice") == sum(map(Decimal, costs)) + 1
    finally:
        await database.close()


def test_a_sqlite_that_is_too_old_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(SqliteTooOld, match=r"3\.35 or later"):
        migrate(database_url(f"sqlite:///{tmp_path / 'forii.db'}"))


async def test_tables_of_a_later_version_are_left_alone(opened: Database, database: str) -> None:
    async with opened.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew, match="later version"):
        await asyncio.to_thread(migrate, database_url(database))


async def test_a_server_that_cannot_be_reached_is_away(unused_tcp_port: int) -> None:
    database = Database(database_url(f"postgresql://forii@127.0.0.1:{unused_tcp_port}/forii"))
    with pytest.raises(DatabaseAway) as caught:
        await UsageRepository(database).insert([record()])
    assert str(unused_tcp_port) not in str(caught.value)


@pytest.mark.parametrize("content", [b"this is no database, but it is long enough to be one" * 100, None])
async def test_a_file_that_cannot_be_used_is_away(content: bytes | None, tmp_path: Path) -> None:
    """A folder where the file should be, and a file that holds something else."""
    path = tmp_path / "forii.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    database = Database(database_url(f"sqlite:///{path}"))
    with pytest.raises(DatabaseAway):
        await UsageRepository(database).spent("alice")
    await database.close()


async def test_it_is_used_again_once_it_is_back(postgres: PostgresServer, migrated_template: str) -> None:
    database = Database(database_url(postgres.create("back", migrated_template)))
    usage = UsageRepository(database)
    mine = record()
    try:
        await usage.insert([mine])
        with postgres.away():
            with pytest.raises(DatabaseAway):
                await usage.spent("alice")
            with pytest.raises(DatabaseAway):
                await usage.insert([record()])
        assert await usage.spent("alice") == mine.cost
    finally:
        await database.close()


@pytest.mark.parametrize(
    "url",
    ["", "nothing", "sqlite://", "sqlite:///:memory:", "mysql://u:hunter2@h/x", "postgresql://u:hunter2@h:x/y"],
)
def test_an_address_that_cannot_be_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///PATH") as caught:
        database_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_spelling_of_postgresql_is_taken(scheme: str) -> None:
    database = Database(database_url(f"{scheme}://u:hunter2@host:5433/forii"))
    assert database.dialect == "postgresql"
    assert database.address == "postgresql://u:***@host:5433/forii"
