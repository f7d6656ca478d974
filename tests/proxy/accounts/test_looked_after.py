"""What is done in the background while a proxy runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone

import pytest

from proxy.accounts.accounts import Accounts
from proxy.accounts.usage_query import UsageQuery
from proxy.settings import Settings
from tests.postgres_server import PostgresServer
from tests.proxy.accounts.records import record


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.accounts.accounts._LAST_USED_SECONDS", 0.05)
    monkeypatch.setattr("proxy.accounts.accounts._RETENTION_SECONDS", 0.05)


def accounts_of(database: str, **settings: object) -> Accounts:
    return Accounts(Settings.model_validate({"database": database, **settings}))


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(500):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come true")


async def test_the_last_use_of_keys_is_written_down(database: str) -> None:
    accounts = accounts_of(database)
    _, secret = await accounts.keys.create("local", "laptop")

    async def written() -> bool:
        return (await accounts.keys.list())[0].last_used is not None

    async with accounts.looked_after():
        await accounts.authorizer.authorize(secret)
        await until(written)
        before = (await accounts.keys.list())[0].last_used
        await accounts.authorizer.authorize(secret)
    after = (await accounts.keys.list())[0].last_used
    await accounts.database.close()
    assert before is not None
    assert after is not None
    assert after > before, "at the end what was not yet written is"


@pytest.mark.parametrize(("days", "kept"), [(None, 3), (10, 2), (1, 1)])
async def test_what_is_personal_is_forgotten_after_so_many_days(
    days: int | None, kept: int, database: str
) -> None:
    accounts = accounts_of(database, usage_personal_days=days)
    now = datetime.now(timezone.utc)
    ages = [timedelta(), timedelta(days=5), timedelta(days=11)]
    await accounts.usage.insert([record(time=now - age, user="zoë", metadata={"team": "a"}) for age in ages])
    first = (now - timedelta(days=30)).date()

    async def forgotten() -> bool:
        for group in ("user", "metadata.team"):
            rows, _ = await accounts.report.page(UsageQuery("alice", first, now.date(), group))
            if [row.label is not None for row in rows] != [number >= 3 - kept for number in range(3)]:
                return False
        return True

    async with accounts.looked_after():
        await until(forgotten)


async def test_a_use_that_could_not_be_written_is_written_later(
    postgres: PostgresServer, migrated_template: str, caplog: pytest.LogCaptureFixture
) -> None:
    accounts = accounts_of(postgres.create("goes", migrated_template))
    _, secret = await accounts.keys.create("local", "laptop")

    async def told() -> bool:
        return "the database of accounts is away" in caplog.messages

    async def written() -> bool:
        return (await accounts.keys.list())[0].last_used is not None

    await accounts.authorizer.authorize(secret)
    with postgres.away():
        looked_after = accounts.looked_after()
        await looked_after.__aenter__()
        await until(told)
    await until(written)
    await looked_after.__aexit__(None, None, None)
