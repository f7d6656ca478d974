"""Keys as the engine's line, the limits and the bill see them, on each kind of database and of limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date

import httpx2
import pytest
import pytest_asyncio

from proxy.generation import Generation, Tokens
from tests.postgres_server import PostgresServer
from tests.proxy import chat
from tests.proxy.routes.test_accounts import ADMIN, bearer, make_account, make_key
from tests.proxy.routes.test_limits import stay_in_one_minute
from tests.proxy.scripts import never_ends, says
from tests.proxy.served import Live, ServeLive, eventually, soon
from tests.redis_server import RedisServer


async def key_of(client: httpx2.AsyncClient, account: str) -> tuple[str, dict[str, str]]:
    key_id, secret = await make_key(client, account)
    return key_id, bearer(secret)


@pytest.fixture(autouse=True)
def _of_one_minute() -> None:
    stay_in_one_minute()


@pytest_asyncio.fixture
async def admin() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(headers=bearer(ADMIN), timeout=20) as client:
        yield client


def at(admin: httpx2.AsyncClient, live: Live) -> httpx2.AsyncClient:
    admin.base_url = httpx2.URL(live.url)
    return admin


async def test_usage_is_the_keys_that_made_it(
    serve_live: ServeLive, database: str, limit_url: str | None, admin: httpx2.AsyncClient
) -> None:
    live = serve_live(says("abc"), database=database, admin_token=ADMIN, redis=limit_url)
    at(admin, live)
    await make_account(admin, "alice")
    keys = [await key_of(admin, "alice") for _ in range(2)]
    for (_, headers), count in zip(keys, (1, 3), strict=True):
        for _ in range(count):
            answer = await admin.post(chat.URL, json=chat.body(metadata={"team": "x"}), headers=headers)
            assert answer.status_code == 200

    async def rows(group: str) -> list[dict[str, object]]:
        today = date.today().isoformat()
        params = {"start": "2020-01-01", "end": max(today, "2020-01-01"), "group_by": group}
        answer = await admin.get("/v1/accounts/alice/usage", params=params, headers=keys[0][1])
        assert answer.status_code == 200, answer.text
        found: list[dict[str, object]] = answer.json()["data"]
        return found

    for _ in range(100):
        by_key = {str(row["key"]): row["completion_tokens"] for row in await rows("key")}
        if sum(int(str(tokens)) for tokens in by_key.values()) == 12:
            break
        await asyncio.sleep(0.05)
    assert by_key == {keys[0][0]: 3, keys[1][0]: 9}
    assert [row["completion_tokens"] for row in await rows("metadata.team")] == [12]


async def test_a_key_that_floods_the_line_does_not_keep_another_one_out(
    serve_live: ServeLive, admin: httpx2.AsyncClient
) -> None:
    order: list[str] = []

    def script(generation: Generation) -> list[Tokens | float | Exception]:
        order.append("many" if b"many" in bytes(token for token in generation.prompt if token < 256) else "one")
        return [0.02, Tokens(b"a", (), "stop")]

    live = serve_live(script, admin_token=ADMIN, max_running=1)
    at(admin, live)
    (_, floods), (_, asks) = await key_of(admin, "local"), await key_of(admin, "local")
    many = [asyncio.ensure_future(admin.post(chat.URL, json=chat.body("many"), headers=floods)) for _ in range(8)]
    await soon(lambda: len(order) >= 2)
    await admin.post(chat.URL, json=chat.body("one"), headers=asks)
    place = order.index("one")
    await asyncio.gather(*many)
    assert place < 8
    assert order[place + 1 :].count("many") >= 2


async def test_streams_are_counted_by_key_and_requests_by_account(
    serve_live: ServeLive, limit_url: str | None, admin: httpx2.AsyncClient
) -> None:
    plans = {"small": {"concurrent_streams": 1, "requests_per_minute": 4}}
    live = serve_live(never_ends(), admin_token=ADMIN, plans=plans, redis=limit_url)
    at(admin, live)
    await make_account(admin, "alice", plan="small")
    keys = [(await key_of(admin, "alice"))[1] for _ in range(2)]
    body = chat.body(stream=True)
    async with (
        admin.stream("POST", chat.URL, json=body, headers=keys[0]) as first,
        admin.stream("POST", chat.URL, json=body, headers=keys[1]) as second,
    ):
        assert [first.status_code, second.status_code] == [200, 200]
        refused = await admin.post(chat.URL, json=body, headers=keys[0])
        assert "concurrent streams" in str(chat.error(refused)["message"])
        assert (await admin.post(chat.URL, json=chat.body(temperature=9), headers=keys[1])).status_code == 400
        refused = await admin.post(chat.URL, json=chat.body(), headers=keys[1])
        assert "4 requests per minute" in str(chat.error(refused)["message"])
    assert eventually(lambda: live.engine.running == 0, 5)


@pytest.mark.parametrize("when", ["before", "while"])
async def test_a_redis_that_goes_away_keeps_nobody_waiting(
    when: str, serve_live: ServeLive, own_redis: RedisServer, admin: httpx2.AsyncClient
) -> None:
    if when == "before":
        own_redis.stop()
    live = serve_live(says("a"), plans={"default": {"requests_per_minute": 30}}, redis=own_redis.url)
    at(admin, live)
    statuses = [(await admin.post(chat.URL, json=chat.body())).status_code for _ in range(10)]
    if when == "while":
        own_redis.stop()
    answers = await asyncio.gather(*(admin.post(chat.URL, json=chat.body()) for _ in range(40)))
    statuses += [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (30, 20)
    assert "forii_limits_degraded 1.0" in (await admin.get("/metrics")).text
    own_redis.start()
    for _ in range(100):
        if "forii_limits_degraded 0.0" in (await admin.get("/metrics")).text:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("it does not heal")


async def test_usage_while_postgresql_is_away_is_there_when_it_is_back(
    serve_live: ServeLive, postgres: PostgresServer, admin: httpx2.AsyncClient
) -> None:
    live = serve_live(says("abc"), database=postgres.create("away_for_usage"), api_key="of the settings")
    at(admin, live).headers.update(bearer("of the settings"))
    assert (await admin.post(chat.URL, json=chat.body())).status_code == 200
    with postgres.away():
        answers = [await admin.post(chat.URL, json=chat.body()) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200] * 4
    params = {"start": "2020-01-01", "end": "2099-12-31"}
    for _ in range(400):
        answer = await admin.get("/v1/accounts/local/usage", params=params)
        if answer.status_code == 200 and sum(row["completion_tokens"] for row in answer.json()["data"]) >= 15:
            break
        await asyncio.sleep(0.05)
    assert [row["completion_tokens"] for row in answer.json()["data"]] == [15]
