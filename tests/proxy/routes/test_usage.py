"""``GET /v1/accounts/{id}/usage`` over HTTP, on each kind of database."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import httpx2
import pytest
import pytest_asyncio
from pydantic import TypeAdapter

from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url
from proxy.accounts.usage_bodies import UsageListBody
from proxy.accounts.usage_repository import UsageRepository
from tests.proxy import chat
from tests.proxy.accounts.records import NOON, record
from tests.proxy.served import Serve

URL = "/v1/accounts/local/usage"
JANUARY = {"start": "2026-01-01", "end": "2026-01-31"}


@pytest_asyncio.fixture
async def usage(database: str) -> AsyncIterator[UsageRepository]:
    opened = Database(database_url(database))
    yield UsageRepository(opened)
    await opened.close()


@pytest.fixture
def client(serve: Serve, database: str) -> httpx2.AsyncClient:
    return serve(database=database).client


async def test_rows_are_what_the_contract_says(client: httpx2.AsyncClient, usage: UsageRepository) -> None:
    await usage.insert(
        [record(account="local", cost=Decimal("0.1")), record(account="local", cost=Decimal("0.2"))]
    )
    await usage.insert([record(account="alice")])
    body = (await client.get(URL, params=JANUARY)).json()
    assert body == {
        "object": "list",
        "data": [
            {
                "date": "2026-01-31",
                "model": "forii/bytes",
                "requests": 2,
                "prompt_tokens": 20,
                "completion_tokens": 10,
                "total_tokens": 30,
                "cost_inr": "0.3",
            }
        ],
        "has_more": False,
        "next_cursor": None,
    }
    assert TypeAdapter(UsageListBody).validate_python(body) == body


@pytest.mark.parametrize(
    ("group", "labels"),
    [
        ("key", ["key_1", "key_2"]),
        ("user", [None, "zoë"]),
        ("metadata.team", [None, "a"]),
        ("metadata.x y'", [None, "b"]),
    ],
)
async def test_rows_have_the_field_that_they_are_grouped_by(
    group: str, labels: list[str | None], client: httpx2.AsyncClient, usage: UsageRepository
) -> None:
    mine = record(account="local", key="key_1")
    other = record(account="local", key="key_2", user="zoë", metadata={"team": "a", "x y'": "b"})
    await usage.insert([mine, other])
    rows = (await client.get(URL, params={**JANUARY, "group_by": group})).json()["data"]
    assert [row[group] for row in rows] == labels
    assert list(rows[0]) == [
        "date", "model", group, "requests", "prompt_tokens", "completion_tokens", "total_tokens", "cost_inr"
    ]  # fmt: skip


async def test_a_day_is_a_row_of_all_models(client: httpx2.AsyncClient, usage: UsageRepository) -> None:
    await usage.insert([record(account="local", model=model) for model in "ab"])
    await usage.insert([record(account="local", time=NOON - timedelta(days=1))])
    rows = (await client.get(URL, params={**JANUARY, "group_by": "day"})).json()["data"]
    assert [(row["date"], row["model"], row["requests"]) for row in rows] == [
        ("2026-01-30", None, 1),
        ("2026-01-31", None, 2),
    ]


async def test_both_days_are_included_and_this_month_is_the_default(
    client: httpx2.AsyncClient, usage: UsageRepository
) -> None:
    now = datetime.now(timezone.utc)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    await usage.insert([record(account="local", time=time) for time in (now, first, first - timedelta(seconds=1))])
    rows = (await client.get(URL)).json()["data"]
    assert sum(row["requests"] for row in rows) == 2
    start, end = (first - timedelta(days=1)).date().isoformat(), now.date().isoformat()
    rows = (await client.get(URL, params={"start": start, "end": end})).json()["data"]
    assert sum(row["requests"] for row in rows) == 3


async def test_pages_are_followed_by_the_cursor(client: httpx2.AsyncClient, usage: UsageRepository) -> None:
    await usage.insert([record(account="local", user=f"user {number:03}") for number in range(250)])
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get(URL, params={**JANUARY, "group_by": "user", **cursor})).json()
        found += [row["user"] for row in page["data"]]
        assert len(page["data"]) <= 100
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == [f"user {number:03}" for number in range(250)]


@pytest.mark.parametrize("asked", [{"params": {"format": "csv"}}, {"headers": {"accept": "text/csv"}}])
async def test_it_comes_as_csv_too(
    asked: dict[str, dict[str, str]], client: httpx2.AsyncClient, usage: UsageRepository
) -> None:
    users = ["plain", 'quo"ted', "a,b", "two\nlines", "=HYPERLINK(1)", "@x", "-1"]
    await usage.insert([record(account="local", user=user) for user in users])
    params = {**JANUARY, "group_by": "user", "limit": "6", **asked.get("params", {})}
    response = await client.get(URL, params=params, headers=asked.get("headers"))
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in response.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    params["cursor"] = response.headers["x-forii-next-cursor"]
    last = await client.get(URL, params=params, headers=asked.get("headers"))
    assert "x-forii-next-cursor" not in last.headers
    rows += csv.DictReader(io.StringIO(last.text))
    told = [f"'{user}" if user[0] in "=@-" else user for user in sorted(users)]
    assert [row["user"] for row in rows] == told
    assert rows[0]["cost_inr"] == "0.0125"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"start": "2026-02-01", "end": "2026-01-01"}, "end"),
        ({"start": "yesterday"}, "start"),
        ({"end": "2026-02-30"}, "end"),
        ({"start": "0000-00-00"}, "start"),
        ({"end": "'; DROP TABLE usage; --"}, "end"),
        ({"group_by": "account"}, "group_by"),
        ({"group_by": ""}, "group_by"),
        ({"group_by": "metadata."}, "group_by"),
        ({"group_by": "metadata.\0"}, "group_by"),
        ({"group_by": "metadata." + "x" * 65}, "group_by"),
        ({"limit": "1000000"}, "limit"),
        ({"limit": "0"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1.5"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"format": "xml"}, "format"),
        ({"strat": "2026-01-01"}, "strat"),
        ({"<script>": "1"}, "<script>"),
    ],
)
async def test_a_wrong_word_is_a_400_that_names_it(
    params: dict[str, str], param: str, client: httpx2.AsyncClient
) -> None:
    response = await client.get(URL, params=params)
    error = chat.error(response)
    assert (response.status_code, error["param"], error["code"]) == (400, param, "invalid_value")


@pytest.mark.parametrize("key", ["'; DROP TABLE usage; --", "<b>", '"', "\\", "%s", ":x", "$.a", "🙂", "\x01"])
async def test_any_other_metadata_key_is_only_a_key(
    key: str, client: httpx2.AsyncClient, usage: UsageRepository
) -> None:
    await usage.insert([record(account="local", metadata={key: "here"}), record(account="local")])
    rows = (await client.get(URL, params={**JANUARY, "group_by": f"metadata.{key}"})).json()["data"]
    assert [(row[f"metadata.{key}"], row["requests"]) for row in rows] == [(None, 1), ("here", 1)]
