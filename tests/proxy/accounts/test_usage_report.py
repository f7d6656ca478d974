"""The database's grouping, against the same grouping in plain Python."""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from proxy.accounts.database import Database
from proxy.accounts.usage_query import UsageQuery, read_cursor
from proxy.accounts.usage_record import UsageRecord
from proxy.accounts.usage_report import UsageReport, UsageRow
from proxy.accounts.usage_repository import UsageRepository
from tests.proxy.accounts.records import NOON, record

# Keys that a JSON path, a quoted name or a statement put together from texts would trip over.
ODD = [
    "team",
    "te am",
    'a"b',
    "a.b",
    "$.a",
    "[0]",
    "a\\b",
    "'; DROP TABLE usage; --",
    "é\N{SNOWMAN}",
    "\u0001",
    "<b>",
    "%s",
]
WORDS = st.sampled_from(["a", "A", "b", "", "é", "🙂", "'", "=1+1", "<script>"])
TEXTS = st.none() | WORDS
RECORDS = st.builds(
    record,
    time=st.integers(-3, 3).map(lambda days: NOON + timedelta(days=days, hours=11)),
    key=st.sampled_from(["", "key_1", "key_2"]),
    model=st.sampled_from(["m", "M", "n"]),
    prompt_tokens=st.integers(0, 2**40),
    completion_tokens=st.integers(0, 2**40),
    cost=st.decimals(0, 10**6, places=12),
    user=TEXTS,
    metadata=st.dictionaries(st.sampled_from(ODD), WORDS, max_size=3),
)
GROUPS = st.sampled_from(["model", "key", "day", "user", *(f"metadata.{key}" for key in ODD)])
SLOW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def folded(records: Sequence[UsageRecord], query: UsageQuery) -> list[UsageRow]:
    groups: dict[tuple[date, str, bool, str], list[UsageRecord]] = defaultdict(list)
    for one in records:
        day = one.time.date()
        if query.start <= day <= query.end:
            label = (
                labels(one)[query.group] if query.metadata_key is None else one.metadata.get(query.metadata_key)
            )
            model = "" if query.group == "day" else one.model
            groups[day, model, label is not None, label or ""].append(one)
    return [
        UsageRow(
            day=day,
            model=None if query.group == "day" else model,
            label=label if named else None,
            requests=len(some),
            prompt_tokens=sum(one.prompt_tokens for one in some),
            completion_tokens=sum(one.completion_tokens for one in some),
            cost=sum((one.cost for one in some), Decimal(0)),
        )
        for (day, model, named, label), some in sorted(groups.items())
    ]


def labels(one: UsageRecord) -> dict[str, str | None]:
    return {"model": None, "day": None, "key": one.key, "user": one.user}


async def pages(report: UsageReport, query: UsageQuery) -> list[UsageRow]:
    """All of them, by the texts that clients send back."""
    rows, after = await report.page(query)
    while after is not None:
        assert len(rows) % query.limit == 0
        more, after = await report.page(replace(query, after=read_cursor(after.text())))
        assert more
        rows += more
    return rows


@SLOW
@given(
    records=st.lists(RECORDS, max_size=25),
    group=GROUPS,
    limit=st.integers(1, 7),
    days=st.tuples(*[st.integers(-4, 4)] * 2),
)
async def test_it_is_what_folding_the_records_gives(
    records: list[UsageRecord], group: str, limit: int, days: tuple[int, int], opened: Database
) -> None:
    account = secrets.token_hex(8)
    mine = [replace(one, id=secrets.token_hex(16), account=account) for one in records]
    await UsageRepository(opened).insert(mine)
    first, last = (NOON.date() + timedelta(days=day) for day in sorted(days))
    query = UsageQuery(account, first, last, group, limit)
    assert await pages(UsageReport(opened), query) == folded(mine, query)


async def test_all_accounts_are_reported_where_none_is_named(opened: Database) -> None:
    await UsageRepository(opened).insert([record(account="alice"), record(account="bob")])
    rows, _ = await UsageReport(opened).page(UsageQuery(None, NOON.date(), NOON.date()))
    assert [row.requests for row in rows] == [2]


@pytest.mark.parametrize("key", ODD)
async def test_a_metadata_key_is_found_as_it_is_and_not_otherwise(key: str, opened: Database) -> None:
    await UsageRepository(opened).insert([record(metadata={key: "here", f"{key}x": "there"})])
    report = UsageReport(opened)
    day = NOON.date()
    for group, label in ((f"metadata.{key}", "here"), (f"metadata.{key}x", "there"), (f"metadata.x{key}", None)):
        rows, _ = await report.page(UsageQuery("alice", day, day, group))
        assert [row.label for row in rows] == [label]


async def test_reports_leave_connections_to_others(opened: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are asked for at once."""
    begin, reading, most = Database.begin, 0, 0

    @asynccontextmanager
    async def counted(self: Database) -> AsyncIterator[AsyncConnection]:
        nonlocal reading, most
        async with begin(self) as connection:
            reading += 1
            most = max(most, reading)
            try:
                yield connection
            finally:
                reading -= 1

    await UsageRepository(opened).insert([record()])
    monkeypatch.setattr(Database, "begin", counted)
    report, query = UsageReport(opened), UsageQuery(None, NOON.date(), NOON.date())
    pages = await asyncio.gather(*(report.page(query) for _ in range(12)))
    assert [len(rows) for rows, _ in pages] == [1] * 12
    assert most == 2
