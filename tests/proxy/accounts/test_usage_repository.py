from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url
from proxy.accounts.tables import spent, usage
from proxy.accounts.usage_record import LONGEST_USER
from proxy.accounts.usage_repository import UsageRepository
from tests.proxy.accounts.records import NOON, record


async def stored(database: Database, record_id: str) -> dict[str, object]:
    async with database.begin() as connection:
        found = await connection.execute(select(usage).where(usage.c.id == record_id))
        return dict(found.mappings().one())


async def test_a_record_is_stored_whole(opened: Database) -> None:
    east = datetime(2026, 2, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    mine = record(time=east, user="Zoë 🙂", metadata={"team": "a'b", "": '"'}, cost=Decimal("1.000000000001"))
    await UsageRepository(opened).insert([mine])
    row = await stored(opened, mine.id)
    assert row.pop("day") == date(2026, 1, 31), "the day is UTC's"
    assert row == {name: getattr(mine, name) for name in row}
    assert len(row) == len(mine.__slots__)


async def test_a_record_that_comes_twice_is_one(opened: Database) -> None:
    repository, mine, other = UsageRepository(opened), record(), record()
    await repository.insert([mine, mine])
    await repository.insert([replace(mine, cost=Decimal(5)), other])
    assert await repository.spent("alice") == 2 * mine.cost
    assert (await stored(opened, mine.id))["cost"] == mine.cost


async def test_a_batch_is_stored_whole_or_not_at_all(opened: Database) -> None:
    repository, good = UsageRepository(opened), record()
    with pytest.raises(Exception, match=r"(?i)null"):
        await repository.insert([good, record(model=None)])
    assert await repository.spent("alice") == 0
    await repository.insert([good])
    assert await repository.spent("alice") == good.cost


async def test_nothing_is_nothing(opened: Database) -> None:
    await UsageRepository(opened).insert([])
    assert await UsageRepository(opened).spent("alice") == 0


@pytest.mark.parametrize(
    "costs",
    [
        ["0.1", "0.2"],
        ["0.000000000001"] * 3,
        ["9000000.999999999999"] * 40,
        ["-0.000000000001", "3"],
        ["-5.5", "2.25"],
        ["0.1"] * 1000,
    ],
)
async def test_what_was_spent_is_exact(costs: list[str], opened: Database) -> None:
    """Beyond what 64 bits of millionths of a millionth hold, too."""
    repository = UsageRepository(opened)
    await repository.insert([record(cost=Decimal(cost)) for cost in costs])
    await repository.insert([record(account="bob", cost=Decimal(1000))])
    assert await repository.spent("alice") == sum(map(Decimal, costs))


async def test_what_was_spent_is_read_without_the_usage_itself(opened: Database) -> None:
    """However much there is of it: a row for each day."""
    repository = UsageRepository(opened)
    for days in (0, 1, 0):
        await repository.insert([record(time=NOON - timedelta(days=days)) for _ in range(3)])
    async with opened.begin() as connection:
        assert len((await connection.execute(select(spent))).all()) == 2
        await connection.execute(usage.delete())
    assert await repository.spent("alice") == 9 * record().cost


async def test_several_write_at_once_and_nothing_is_lost(opened: Database, database: str) -> None:
    """As proxies and commands on one database do; of some records two have a copy."""
    others = [Database(database_url(database)) for _ in range(3)]
    records = [record() for _ in range(240)]

    async def write(number: int, one: Database) -> None:
        for start in range(number * 40, number * 40 + 120, 20):
            await UsageRepository(one).insert(records[start : start + 20])
            await UsageRepository(one).spent("alice")

    await asyncio.gather(*(write(number, one) for number, one in enumerate([opened, *others])))
    for one in others:
        await one.close()
    assert await UsageRepository(opened).spent("alice") == 240 * record().cost


async def test_what_no_database_can_hold_does_not_keep_others_out(opened: Database) -> None:
    odd = record(user="a\0b", metadata={"k\0": "v\0"})
    long = record(user="x" * 100_000)
    await UsageRepository(opened).insert([odd, long, record()])
    row = await stored(opened, odd.id)
    assert (row["user"], row["metadata"]) == ("a\N{REPLACEMENT CHARACTER}b", {"k\ufffd": "v\ufffd"})
    assert (await stored(opened, long.id))["user"] == "x" * LONGEST_USER


async def test_what_is_personal_is_forgotten_of_earlier_days(opened: Database) -> None:
    repository = UsageRepository(opened)
    personal = {"user": "zoe", "metadata": {"team": "a"}}
    old = [record(time=NOON - timedelta(days=days), **personal) for days in (1, 2, 400)]
    only_user = record(time=NOON - timedelta(days=3), user="zoe")
    new = record(**personal)
    await repository.insert([*old, only_user, new, record(time=NOON - timedelta(days=5))])
    before = await repository.spent("alice")
    assert await repository.blank_personal(NOON.date()) == 4
    assert await repository.blank_personal(NOON.date()) == 0
    for one in [*old, only_user]:
        row = await stored(opened, one.id)
        assert (row["user"], row["metadata"]) == (None, None)
    row = await stored(opened, new.id)
    assert (row["user"], row["metadata"]) == ("zoe", {"team": "a"})
    assert await repository.spent("alice") == before


async def test_what_is_forgotten_is_in_no_file_any_more(tmp_path: Path) -> None:
    database = Database(database_url(f"sqlite:///{tmp_path / 'forii.db'}"))
    await UsageRepository(database).insert(
        [record(user=f"zoe-{number}", metadata={"k": "v"}) for number in range(99)]
    )
    await UsageRepository(database).blank_personal(NOON.date() + timedelta(days=1))
    await database.close()
    files = await asyncio.to_thread(lambda: [path.read_bytes() for path in tmp_path.iterdir()])
    assert files
    assert not [content for content in files if b"zoe-" in content]


async def test_more_than_one_transactions_worth_is_forgotten(opened: Database) -> None:
    repository = UsageRepository(opened)
    await repository.insert([record(user="zoe") for _ in range(2345)])
    assert await repository.blank_personal(NOON.date() + timedelta(days=1)) == 2345
