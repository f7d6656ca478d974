"""The limits of a process, with a Redis that is there, that is not, and that comes and goes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.accounts.caller import ANYBODY, Caller
from proxy.accounts.limiter import Limiter
from proxy.accounts.plan import Plan
from proxy.accounts.redis_limits import RedisLimits
from proxy.errors import RateLimited
from proxy.metrics import Metrics
from tests.proxy.accounts.limit_stores import limit_store
from tests.proxy.served import soon
from tests.redis_server import RedisServer

NOW = 1_700_000_000.0  # forty seconds before the next minute


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def caller(key: str = "k", **limits: int) -> Caller:
    return Caller("a", key, Plan.model_validate(limits))


@asynccontextmanager
async def limiter(
    url: str | None, metrics: Metrics | None = None, clock: Clock | None = None
) -> AsyncIterator[Limiter]:
    made = Limiter(metrics or Metrics(), RedisLimits(url) if url else None, clock or Clock())
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def fresh(url: str | None) -> AsyncIterator[Limiter]:
    async with limit_store(url), limiter(url) as made:
        yield made


def degraded(metrics: Metrics) -> bool:
    return b"forii_limits_degraded 1.0" in metrics.text()


async def passes(made: Limiter, who: Caller, count: int) -> int:
    """How many of so many requests at once are let through."""
    answers = await asyncio.gather(*(made.arrive(who) for _ in range(count)))
    return Counter(refusal is None for _, refusal in answers)[True]


async def one_after_the_other(made: Limiter, who: Caller, count: int) -> None:
    for _ in range(count):
        assert (await made.arrive(who))[1] is None


async def test_of_100_at_once_60_pass_and_the_others_are_told_the_number_and_when(limit_url: str | None) -> None:
    async with fresh(limit_url) as made:
        answers = await asyncio.gather(*(made.arrive(caller(requests_per_minute=60)) for _ in range(100)))
    refusals = [refusal for _, refusal in answers if refusal is not None]
    assert len(refusals) == 40
    assert {refusal.headers["Retry-After"] for refusal in refusals} == {"40"}
    assert "60 requests per minute" in refusals[0].message
    headers = [headers for headers, _ in answers]
    assert {one["x-ratelimit-limit-requests"] for one in headers} == {"60"}
    assert {one["x-ratelimit-reset"] for one in headers} == {str(int(NOW) + 40)}
    remaining = [int(headers["x-ratelimit-remaining-requests"]) for headers, refusal in answers if refusal is None]
    assert sorted(remaining) == list(range(60))


async def test_two_processes_share_the_limit_of_one_redis(redis_server: RedisServer) -> None:
    url, who = redis_server.url, caller(requests_per_minute=60)
    async with fresh(url) as one, limiter(url) as other:
        passed = await asyncio.gather(passes(one, who, 50), passes(other, who, 50))
    assert sum(passed) == 60


async def test_a_plan_without_limits_asks_nobody_and_has_no_headers() -> None:
    async with limiter("redis://127.0.0.1:1/0") as made:
        assert await made.arrive(ANYBODY) == ({}, None)
        (await made.begin(ANYBODY, 10**9, stream=True)).release(unused=True)


async def test_without_a_limit_of_requests_there_are_no_headers(limit_url: str | None) -> None:
    async with fresh(limit_url) as made:
        assert await made.arrive(caller(prompt_tokens_per_minute=5)) == ({}, None)


async def test_a_prompt_that_can_never_pass_is_told_so(limit_url: str | None) -> None:
    async with fresh(limit_url) as made:
        with pytest.raises(RateLimited, match=r"11 tokens.*10 prompt tokens per minute.*never") as caught:
            await made.begin(caller(prompt_tokens_per_minute=10), 11, stream=False)
        assert caught.value.headers["x-should-retry"] == "false"
        await made.begin(caller(prompt_tokens_per_minute=10), 10, stream=False)
        with pytest.raises(
            RateLimited, match="10 prompt tokens per minute; send the request again in 40"
        ) as caught:
            await made.begin(caller(prompt_tokens_per_minute=10), 1, stream=False)
        assert "x-should-retry" not in caught.value.headers


async def test_a_prompt_that_never_got_to_an_engine_is_given_back(limit_url: str | None) -> None:
    async with fresh(limit_url) as made:
        who = caller(prompt_tokens_per_minute=10)
        hold = await made.begin(who, 10, stream=False)
        hold.release(unused=True)
        await asyncio.sleep(0)
        await made.settle()
        (await made.begin(who, 10, stream=False)).release(unused=False)
        with pytest.raises(RateLimited):
            await made.begin(who, 1, stream=False)


async def test_completion_tokens_of_one_process_count_in_the_other_once_it_has_settled(
    redis_server: RedisServer,
) -> None:
    url, who = redis_server.url, caller(completion_tokens_per_minute=100)
    async with fresh(url) as one, limiter(url) as other:
        for _ in range(10):
            one.charge(who, 10)
        assert (await one.arrive(who))[1] is not None
        assert (await other.arrive(who))[1] is None
        await one.settle()
        refusal = (await other.arrive(who))[1]
    assert refusal is not None
    assert "100 completion tokens per minute" in refusal.message


async def test_a_stream_holds_its_place_until_it_is_released(limit_url: str | None) -> None:
    async with fresh(limit_url) as made:
        who = caller(concurrent_streams=1)
        hold = await made.begin(who, 1, stream=True)
        with pytest.raises(RateLimited, match="1 concurrent") as caught:
            await made.begin(who, 1, stream=True)
        assert caught.value.headers["Retry-After"] == "1"
        await made.begin(who, 1, stream=False)
        hold.release(unused=False)
        await made.settled()
        await made.begin(who, 1, stream=True)


async def test_the_streams_of_a_process_that_was_killed_end_with_their_lease(redis_server: RedisServer) -> None:
    who, clock = caller(concurrent_streams=1), Clock()
    async with limit_store(redis_server.url):
        killed = RedisLimits(redis_server.url)
        assert await killed.begin(who, 1, "its lease", NOW) is None
        await killed.close()
        async with limiter(redis_server.url, clock=clock) as made:
            with pytest.raises(RateLimited):
                await made.begin(who, 1, stream=True)
            clock.now += 15
            hold = await made.begin(who, 1, stream=True)
            for _ in range(4):
                clock.now += 5
                await made.settle()
            with pytest.raises(RateLimited):
                await made.begin(who, 1, stream=True)
            hold.release(unused=False)


async def test_who_leaves_while_redis_is_asked_leaves_no_stream_behind(own_redis: RedisServer) -> None:
    who = caller(concurrent_streams=1)
    async with limiter(own_redis.url) as made:
        (await made.begin(who, 1, stream=True)).release(unused=False)
        await made.settled()
        with own_redis.hung():
            asked = asyncio.ensure_future(made.begin(who, 1, stream=True))
            await asyncio.sleep(0.02)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        await made.settled()
        await made.begin(who, 1, stream=True)


async def test_a_redis_that_never_was_there_keeps_nobody_out_and_limits_hold() -> None:
    metrics = Metrics()
    async with limiter("redis://127.0.0.1:1/0", metrics) as made:
        assert not degraded(metrics)
        assert await passes(made, caller(requests_per_minute=60), 100) == 60
        assert degraded(metrics)


async def test_killed_and_started_again_in_the_middle_of_a_minute_60_pass_of_all(own_redis: RedisServer) -> None:
    metrics, who = Metrics(), caller(requests_per_minute=60)
    async with limiter(own_redis.url, metrics) as made:
        passed = await passes(made, who, 25)
        own_redis.stop()
        passed += await passes(made, who, 25)
        assert degraded(metrics)
        own_redis.start()
        await soon(lambda: not degraded(metrics))
        passed += await passes(made, who, 25)
        assert passed == 60
        assert not degraded(metrics)


async def test_streams_that_run_while_redis_loses_them_are_counted_again(own_redis: RedisServer) -> None:
    metrics, who = Metrics(), caller(concurrent_streams=1)
    async with limiter(own_redis.url, metrics) as made, limiter(own_redis.url) as other:
        hold = await made.begin(who, 1, stream=True)
        own_redis.stop()
        await made.arrive(caller(requests_per_minute=1))
        own_redis.start()
        await soon(lambda: not degraded(metrics))
        await made.settle()
        with pytest.raises(RateLimited):
            await other.begin(who, 1, stream=True)
        hold.release(unused=False)


async def test_only_those_who_ask_a_hung_redis_first_wait_for_it(own_redis: RedisServer) -> None:
    metrics, who = Metrics(), caller(requests_per_minute=1000)
    async with limiter(own_redis.url, metrics) as made:
        await made.arrive(who)
        with own_redis.hung():
            assert await passes(made, who, 500) == 500
            assert degraded(metrics)
            # Would take minutes if each of them waited for an answer, however short.
            await asyncio.wait_for(one_after_the_other(made, who, 400), 5)
        await soon(lambda: not degraded(metrics))
