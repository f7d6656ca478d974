"""Backup and restore, by the commands of docs/accounts.md."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from proxy.accounts.api_key import digest
from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url
from proxy.accounts.key_repository import KeyRepository
from proxy.accounts.usage_repository import UsageRepository
from tests.postgres_server import PostgresServer, postgres_programs
from tests.proxy.accounts.records import record

_PAGE = (Path(__file__).parents[3] / "docs/accounts.md").read_text(encoding="utf-8")


async def fill(database: Database) -> str:
    """Returns a key of it."""
    _, secret = await KeyRepository(database).create("local", "laptop")
    await UsageRepository(database).insert([record()])
    return secret


async def check(database: Database, secret: str) -> None:
    assert list(await KeyRepository(database).owners([digest(secret)])) == [digest(secret)]
    assert await UsageRepository(database).spent("alice") == record().cost


async def test_sqlite_is_backed_up_while_it_is_used(tmp_path: Path, migrated_file: Path) -> None:
    path, copy = tmp_path / "forii.db", tmp_path / "forii-backup.db"
    shutil.copy(migrated_file, path)
    database = Database(database_url(f"sqlite:///{path}"))
    secret = await fill(database)
    assert (tmp_path / "forii.db-wal").stat().st_size, "or a plain copy would do"
    statement = re.findall(r'forii\.db "(VACUUM INTO [^"]+)"', _PAGE)[0]
    with sqlite3.connect(path) as connection:
        connection.execute(statement.replace("forii-backup.db", str(copy)))
    connection.close()
    await database.close()
    assert secret.encode() not in copy.read_bytes()
    for name in ("forii.db", "forii.db-wal", "forii.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    copy.rename(path)
    restored = Database(database_url(f"sqlite:///{path}"))
    await check(restored, secret)
    await restored.close()


async def test_postgresql_is_dumped_and_restored(
    postgres: PostgresServer, migrated_template: str, tmp_path: Path
) -> None:
    url = postgres.create("dumped", migrated_template)
    database = Database(database_url(url))
    secret = await fill(database)
    dump, restore = re.findall(r"(?m)^(pg_dump .*)\n(pg_restore .*)$", _PAGE)[0]
    _run(dump, url, tmp_path)
    assert secret.encode() not in (tmp_path / "forii.dump").read_bytes()
    await UsageRepository(database).insert([record()])
    await KeyRepository(database).create("local", "later")
    await database.close()
    _run(restore, url, tmp_path)
    restored = Database(database_url(url))
    await check(restored, secret)
    assert len(await KeyRepository(restored).list()) == 1
    await restored.close()


def _run(command: str, url: str, folder: Path) -> None:
    programs = postgres_programs()
    if programs is None:
        pytest.fail("PostgreSQL runs, but its programs are gone")
    subprocess.run(
        ["sh", "-c", command], env={"DATABASE": url, "PATH": f"{programs}:/usr/bin:/bin"}, cwd=folder, check=True
    )
